import { emulated } from "@userpci/device-model";
import { type Registers, registersOf } from "@userpci/device-model/registers";
import fc from "fast-check";
import { type OwnedRegion, openDevice, type PciDevice } from "userpci";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Nic } from "../nic.ts";
import { nicRegisters } from "../registers.ts";
import { nicPair } from "./pair.ts";

let devices: PciDevice[];
let region: OwnedRegion;
let registers: Registers<typeof nicRegisters.rows>;
let peer: Nic;

const CTRL = { LINK: 1, TX: 2, RX: 4 } as const;

beforeEach(async () => {
  const [a, b] = nicPair();
  const backend = emulated({ nic0: a, nic1: b });
  devices = [await openDevice("nic0", { backend }), await openDevice("nic1", { backend })];
  devices[0]!.config.command.update({ memory: true, busMaster: true });
  region = devices[0]!.bar(0).map();
  registers = registersOf(nicRegisters, region);
  peer = Nic.attach(devices[1]!, { promiscuous: true });
});

afterEach(async () => {
  region.close();
  for (const device of devices) await device.close();
});

/** Sends by descriptors of the test's own. @returns the last dword of each, when the NIC is done */
function send(descriptors: readonly (readonly [address: bigint, length: number])[]): number[] {
  using ring = devices[0]!.dma.allocSync(4096);
  const view = new DataView(ring.bytes.buffer, ring.bytes.byteOffset);
  for (const [i, [address, length]] of descriptors.entries()) {
    view.setBigUint64(16 * i, BigInt.asUintN(64, address), true);
    view.setUint32(16 * i + 8, length, true);
  }
  registers.CTRL.write(2 ** 31);
  registers.TX_BASE.write(ring.iova);
  registers.TX_SIZE.write(64);
  registers.CTRL.write(CTRL.LINK | CTRL.TX);
  registers.TX_TAIL.write(descriptors.length);
  for (let i = 0; i < 10; i++) devices[0]!.relax();
  return descriptors.map((_, i) => view.getUint32(16 * i + 12, true));
}

const DONE = 0x8000_0000;
const ERROR = 0xc000_0000;

describe("descriptors that a driver must not write", () => {
  it("are errors, and the frames behind them are sent", () => {
    using page = devices[0]!.dma.allocSync(4096);
    const flags = send([
      [page.iova, 13],
      [page.iova, 9217],
      [page.iova, 0xffff_ffff],
      [0x7777_0000_0000n, 64],
      [0xffff_ffff_ffff_fff0n, 64],
      [page.iova, 64],
    ]);
    expect(flags.map((each) => each >>> 0)).toEqual([ERROR, ERROR, ERROR, ERROR, ERROR, DONE]);
    expect(registers.TX_ERRORS.read()).toBe(5);
    expect(peer.poll(() => undefined)).toBe(1);
  });

  it("harm nothing, whatever they are", () => {
    using page = devices[0]!.dma.allocSync(4096);
    const address = fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.integer({ min: -100, max: 5000 }).map((offset) => page.iova + BigInt(offset)),
    );
    const length = fc.oneof(fc.nat(0xffff_ffff), fc.nat(10_000), fc.constant(64));
    fc.assert(
      fc.property(fc.array(fc.tuple(address, length), { maxLength: 40 }), (descriptors) => {
        const good = [page.iova, 100] as const;
        const flags = send([...descriptors, good]);
        expect(flags.every((each) => each >>> 31 === 1)).toBe(true);
        let last = 0;
        while (
          peer.poll((_, size) => {
            last = size;
          }) > 0
        );
        expect(last).toBe(100);
      }),
      { numRuns: 25 },
    );
  });
});

describe("rings that cannot be", () => {
  it.each([
    [0x1008n, 64],
    [0x1000n, 3],
    [0x1000n, 1],
    [0x1000n, 8192],
    [0x1000n, 0],
  ])("are a fault that a reset mends: at %s, of %d", (base, size) => {
    registers.TX_BASE.write(base);
    registers.TX_SIZE.write(size);
    registers.CTRL.write(CTRL.LINK | CTRL.TX);
    expect(registers.STATUS.get("TX_FAULT")).toBe(1);
    registers.TX_TAIL.write(1);
    registers.CTRL.write(2 ** 31);
    expect(registers.STATUS.read()).toBe(0);
  });

  it("are a fault where they are not mapped", () => {
    registers.RX_BASE.write(0x5555_0000n);
    registers.RX_SIZE.write(8);
    registers.CTRL.write(CTRL.LINK | CTRL.RX);
    registers.RX_TAIL.write(7);
    peer.send(new Uint8Array(64).fill(255));
    for (let i = 0; i < 10; i++) devices[0]!.relax();
    expect(registers.STATUS.get("RX_FAULT")).toBe(1);
  });
});

it("errs where a buffer is not mapped, and fills the next", () => {
  using ring = devices[0]!.dma.allocSync(4096);
  using page = devices[0]!.dma.allocSync(4096);
  const view = new DataView(ring.bytes.buffer, ring.bytes.byteOffset);
  view.setBigUint64(0, 0x5555_0000n, true);
  view.setUint32(8, 2048, true);
  view.setBigUint64(16, page.iova, true);
  view.setUint32(24, 2048, true);
  registers.RX_BASE.write(ring.iova);
  registers.RX_SIZE.write(8);
  registers.CTRL.write(CTRL.LINK | CTRL.RX);
  registers.RX_TAIL.write(2);
  peer.send(new Uint8Array(64).fill(255));
  peer.send(new Uint8Array(65).fill(255));
  for (let i = 0; i < 10; i++) devices[0]!.relax();
  expect([view.getUint32(12, true), view.getUint32(28, true)]).toEqual([ERROR, DONE]);
  expect([view.getUint32(24, true), page.bytes[64], page.bytes[65]]).toEqual([65, 255, 0]);
  expect([registers.RX_ERRORS.read(), registers.RX_FRAMES.read()]).toEqual([1, 1]);
});

it("holds the pin until the causes are cleared", () => {
  const [device] = devices;
  using pin = device!.irqs.enable("intx");
  using ring = device!.dma.allocSync(4096);
  const line = pin.at(0);
  registers.RX_BASE.write(ring.iova);
  registers.RX_SIZE.write(8);
  registers.INT_ENABLE.write(1);
  registers.CTRL.write(CTRL.LINK | CTRL.RX);
  expect(line.take()).toBe(0);
  using page = device!.dma.allocSync(4096);
  new DataView(ring.bytes.buffer, ring.bytes.byteOffset).setBigUint64(0, page.iova, true);
  ring.u32[2] = 2048;
  registers.RX_TAIL.write(1);
  peer.send(new Uint8Array(64).fill(255));
  expect([line.take(), line.take(), device!.config.status.interruptStatus]).toEqual([1, 1, true]);
  registers.INT_STATUS.write(1);
  expect(device!.config.status.interruptStatus).toBe(false);
});

it.each([null, 5, {}, "02:00:00:00:00:01"])("has no addresses in %j", (macs) => {
  const refusal = expect.objectContaining({ code: "ERR_INVALID_ARGUMENT", hint: expect.any(String) });
  expect(() => nicPair({ macs: macs as never })).toThrow(refusal);
});

it("is made of no option that it does not have", () => {
  const refusal = { code: "ERR_INVALID_ARGUMENT", message: 'nicPair has no option "mtu"' };
  expect(() => nicPair({ mtu: 1500 } as never)).toThrow(expect.objectContaining(refusal));
});
