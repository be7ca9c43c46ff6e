import { isPciError } from "@userpci/interface";
import { expect, it } from "vitest";
import type { ModelInstance } from "../model.ts";
import { hosted } from "../testing/hosting.ts";
import { recorder } from "../testing/models.ts";

const reset = () => undefined;

it.each([
  ["nothing", undefined, /create\(\) of recorder returns must be an object, not undefined/],
  ["what has no reset", {}, /has no reset\(\)/],
  ["a handler that cannot read", { bars: { 1: { write: reset } }, reset }, /BAR 1 of .* has no read\(\)/],
  ["a handler that is no object", { bars: { 1: 5 }, reset }, /BAR 1 of .* must be an object, not 5/],
])("tells the author of a model whose create() returns %s", (_what, made, message) => {
  const model = { ...recorder([]), create: () => made as unknown as ModelInstance };
  let thrown: unknown;
  try {
    hosted(model);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toSatisfy((error) => isPciError(error, "ERR_INVALID_ARGUMENT"));
  expect(thrown).toMatchObject({
    message: expect.stringMatching(message),
    hint: expect.stringContaining("return"),
  });
});

it.each([
  ["no BARs but null", null],
  ["a BAR that is text", { 0: "4096" }],
  ["memory that is no list", { 0: { kind: "memory32", size: 4096, memory: { offset: 0, size: 4096 } } }],
  ["memory that is a number", { 0: { kind: "memory32", size: 4096, memory: 4096 } }],
  ["an area that is text", { 0: { kind: "memory32", size: 4096, memory: ["all"] } }],
  ["an area without a place", { 0: { kind: "memory32", size: 4096, memory: [{ size: 4096 }] } }],
])("tells the author of a model with %s", (_what, bars) => {
  const refusal = expect.objectContaining({ code: "ERR_INVALID_ARGUMENT", hint: expect.any(String) });
  expect(() => hosted({ ...recorder([]), bars: bars as never })).toThrow(refusal);
});

it.each([{ 6: { kind: "memory32", size: 4096 } }, { bar0: { kind: "memory32", size: 4096 } }])(
  "tells the author of a model which BARs there are: %o",
  (bars) => {
    const hint = "it has 0, 1, 2, 3, 4, 5";
    const refusal = { code: "ERR_INVALID_ARGUMENT", message: expect.stringContaining("no BAR"), hint };
    expect(() => hosted({ ...recorder([]), bars: bars as never })).toThrow(expect.objectContaining(refusal));
  },
);

const io = { kind: "io", size: 256 } as const;
const memory = { kind: "memory32", size: 4096 } as const;

it.each([
  ["at its defaults", { 0: memory }, {}, /overlap at 0x0 of BAR 0/, /offset: 0x10 }/],
  [
    "with pending bits in the table",
    { 0: memory },
    { control: { tableSize: 3 }, table: { bar: 0, offset: 0x800 }, pba: { bar: 0, offset: 0x810 } },
    /overlap at 0x810 of BAR 0/,
    /offset: 0x840 }/,
  ],
  [
    "with a table behind the pending bits",
    { 0: memory },
    { control: { tableSize: 64 }, table: { bar: 0, offset: 0x808 }, pba: { bar: 0, offset: 0x800 } },
    /overlap at 0x808/,
    /apart/,
  ],
  [
    "with a table in I/O space",
    { 0: io, 1: memory },
    { table: { bar: 0 }, pba: { bar: 1 } },
    /BAR 0, which is I\/O/,
    /memory/,
  ],
  [
    "with pending bits in I/O space",
    { 0: io, 1: memory },
    { table: { bar: 1 }, pba: { bar: 0 } },
    /BAR 0, which is I\/O/,
    /memory/,
  ],
])("tells the author of a model with MSI-X %s", (_what, bars, registers, message, hint) => {
  const config = { vendorId: 1, deviceId: 1, capabilities: [{ name: "msix", registers }] } as const;
  const refusal = { code: "ERR_INVALID_ARGUMENT", message: expect.stringMatching(message) };
  expect(() => hosted({ ...recorder([]), config, bars })).toThrow(
    expect.objectContaining({ ...refusal, hint: expect.stringMatching(hint) }),
  );
});

it("takes MSI-X whose structures touch", () => {
  const registers = { table: { bar: 0 }, pba: { bar: 0, offset: 16 } };
  const config = { vendorId: 1, deviceId: 1, capabilities: [{ name: "msix", registers }] } as const;
  hosted({ ...recorder([]), config, bars: { 0: memory } })[Symbol.dispose]();
});

const withVpd = { vendorId: 1, deviceId: 1, capabilities: [{ name: "vpd" }] } as const;

it.each([
  ["a ROM of text", { rom: "abc" }, "ERR_INVALID_ARGUMENT", /the ROM of recorder must be a Uint8Array/],
  ["a ROM that is a list", { rom: [1, 2] }, "ERR_INVALID_ARGUMENT", /not an array/],
  [
    "vital product data of text",
    { config: withVpd, vpd: "abc" },
    "ERR_INVALID_ARGUMENT",
    /Uint8Array, not "abc"/,
  ],
  [
    "more vital product data than an address reaches",
    { config: withVpd, vpd: new Uint8Array(40_000) },
    "ERR_OUT_OF_RANGE",
    /has 40000 bytes/,
  ],
  [
    "vital product data without its capability",
    { vpd: new Uint8Array(1) },
    "ERR_INVALID_ARGUMENT",
    /no capability/,
  ],
])("tells the author of a model with %s", (_what, part, code, message) => {
  const refusal = { code, message: expect.stringMatching(message), hint: expect.any(String) };
  expect(() => hosted({ ...recorder([]), ...(part as object) })).toThrow(expect.objectContaining(refusal));
});

it("takes a whole 32 KiB of vital product data", () => {
  hosted({ ...recorder([]), config: withVpd, vpd: new Uint8Array(0x8000) })[Symbol.dispose]();
});

const areas = (area: object) => [{ offset: 0, size: 4096, mappable: true, ...area }];

it.each([
  ["addressbits", { addressbits: 32 }],
  ["busreset", { busreset: true }],
  ["Rom", { Rom: Uint8Array.of(1) }],
  ["barz", { barz: {} }],
  ["vendor", { config: { vendorId: 1, deviceId: 1, vendor: 2 } }],
  ["interuptPin", { config: { vendorId: 1, deviceId: 1, interuptPin: 1 } }],
  ["extendedCapabilties", { config: { vendorId: 1, deviceId: 1, extendedCapabilties: [] } }],
  ["rom", { config: { vendorId: 1, deviceId: 1, rom: { size: 2048 } } }],
  ["mappable", { bars: { 1: { kind: "memory32", size: 4096, mappable: true } } }],
  ["prefetchabel", { bars: { 1: { kind: "memory32", size: 4096, prefetchabel: true } } }],
  ["mapable", { bars: { 1: { kind: "memory32", size: 4096, memory: areas({ mapable: true }) } } }],
])("tells the author of a model that it has no %s", (name, part) => {
  const message = expect.stringContaining(`has no property "${name}"`);
  const refusal = { code: "ERR_INVALID_ARGUMENT", message, hint: expect.stringContaining("it has ") };
  expect(() => hosted({ ...recorder([]), ...(part as object) })).toThrow(expect.objectContaining(refusal));
});

it("takes a model of an author's own class, with methods and what is left undefined", () => {
  class Own {
    readonly name = "own";
    readonly config = recorder([]).config;
    readonly spare = undefined;
    readonly #reset = () => undefined;
    create(): ModelInstance {
      return { reset: this.#reset };
    }
    helper(): void {}
  }
  hosted(new Own())[Symbol.dispose]();
});

it.each([
  [{ time: "virtuel" }, /options.time is "virtuel"/],
  [{ msixTable: true }, /options.msixTable is true/],
  [{ onFault: "log" }, /options.onFault must be a function, not "log"/],
  [{ barMemory: {} }, /options.barMemory must be a function/],
])("tells who hosts a model which options there are: %o", (options, message) => {
  const refusal = {
    code: "ERR_INVALID_ARGUMENT",
    message: expect.stringMatching(message),
    hint: expect.any(String),
  };
  expect(() => hosted(recorder([]), options as never)).toThrow(expect.objectContaining(refusal));
});
