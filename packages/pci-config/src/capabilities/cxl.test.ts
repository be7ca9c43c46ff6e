import { expect, it } from "vitest";
import { check } from "../check.ts";
import { describe } from "../describe.ts";
import { expressFunction } from "../testing/express-function.ts";

const CXL = 0x1e98;
const express = { capabilities: { version: 2 } };

function configWith(dvsecId: number, revision: number, length: number, registers = {}, bytes?: number[]) {
  const header1 = { vendorId: CXL, revision };
  return expressFunction(express, {
    name: "dvsec",
    length,
    registers: { header1, dvsecId, ...registers },
    ...(bytes && { bytes: [0, 0, 0, 0, 0, 0, ...bytes] }),
  });
}
const dvsecWith = (...given: Parameters<typeof configWith>) => configWith(...given).findExtended("dvsec")!;

it("has of a CXL device what its revision has", () => {
  const registers = { deviceCapability: { memory: true, ranges: 1 } };
  const first = dvsecWith(0, 0, 0x38, registers);
  expect(first.deviceCapability).toMatchObject({ memory: true, cache: false, ranges: 1 });
  expect([first.deviceControl2, first.deviceCapability3, first.portStatus]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  const third = dvsecWith(0, 3, 0x3c, {
    deviceStatus2: { resetComplete: true },
    deviceCapability3: { hotResetConfigurable: true },
  });
  expect(third.deviceStatus2?.resetComplete).toBe(true);
  expect(third.deviceCapability3?.raw).toBe(8);
});

it("has both memory ranges", () => {
  const bytes = new Array(0x38 - 10).fill(0);
  bytes[0x2a - 10] = 0x10; // bits 20 to 23 of the size's upper half, of range 2
  bytes[0x2c - 10] = 0x07; // valid, active, non-volatile
  bytes[0x27 - 10] = 0x30; // base of range 1
  const config = configWith(0, 1, 0x38, {}, bytes);
  const { ranges } = config.findExtended("dvsec")!;
  expect(ranges.map(({ sizeHigh, baseLow }) => [sizeHigh, baseLow.base])).toEqual([
    [0, 0x3000_0000],
    [0x10_0000, 0],
  ]);
  const { lists } = describe(config).extendedCapabilities[0]!;
  expect(Object.keys(lists)).toEqual(["ranges"]);
  expect(lists.ranges![1]!.sizeLow).toMatchObject({
    offset: 0x12c,
    fields: { valid: true, active: true, type: 1 },
    words: { type: "non-volatile" },
  });
});

it("tells reserved bits of a list", () => {
  const bytes = new Array(0x14 - 10).fill(0);
  bytes[0x0c - 10] = 0x18;
  const problems = check(configWith(8, 0, 0x14, {}, bytes)).filter(({ code }) => code === "reserved-bits");
  expect(problems.map(({ offset, message }) => [offset, message])).toEqual([
    [0x10c, "dvsec.blocks[0].low is 0x00000018: the bits 0x00000018 are reserved"],
  ]);
});

it("has as many blocks as its length has room for", () => {
  const blocks = (length: number) => dvsecWith(8, 0, length).blocks.length;
  expect([0x0c, 0x13, 0x14, 0x1b, 0x24].map(blocks)).toEqual([0, 0, 1, 1, 3]);
});

it("takes nothing of another vendor's for CXL's", () => {
  const dvsec = dvsecWith(0, 3, 0x3c, { header1: { vendorId: 0x8086, revision: 3 } });
  expect(dvsec.deviceCapability).toBeUndefined();
  expect(dvsec.ranges).toEqual([]);
});

it("has the registers of ports where the id says so", () => {
  const port = dvsecWith(3, 0, 0x28, { portControl: { unmaskBusReset: true }, alternateBusLimit: 0x7f });
  expect([port.portControl?.unmaskBusReset, port.alternateBusLimit, port.flexBusStatus]).toEqual([
    true,
    0x7f,
    undefined,
  ]);
  const flex = dvsecWith(7, 2, 0x20, { flexBusStatus: { flit256: true }, flexBusStatus2: { nopHint: 3 } });
  expect([flex.flexBusStatus?.flit256, flex.flexBusStatus2?.nopHint]).toEqual([true, 3]);
});
