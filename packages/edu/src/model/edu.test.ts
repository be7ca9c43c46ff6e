import { readFileSync } from "node:fs";
import { failing } from "@userpci/interface/testing";
import { describe, expect, it } from "vitest";
import { cause, deviceBuffer, dmaCommand, register, status } from "../registers.ts";
import { HostedEdu } from "../testing/hosted-edu.ts";
import { edu } from "./edu.ts";

const ONES = 0xffff_ffffn;
const BUFFER = BigInt(deviceBuffer.ADDRESS);

/** Programs a transfer and starts it. */
function startTransfer(
  device: HostedEdu,
  [source, target, size]: readonly [bigint, bigint, number],
  command: number,
): void {
  device.write(register.DMA_SOURCE, source, 8);
  device.write(register.DMA_DESTINATION, target, 8);
  device.write(register.DMA_COUNT, size, 8);
  device.write(register.DMA_COMMAND, command | dmaCommand.START);
}

describe("the model of edu", () => {
  it("has the configuration space of QEMU's, byte for byte, before anybody has set it up", () => {
    using device = new HostedEdu();
    const bytes = device.config();
    const theirs = capturedSpace();
    // What firmware and drivers write: command, BAR 0, interrupt line.
    for (const [start, end] of [
      [0x04, 0x06],
      [0x10, 0x14],
      [0x3c, 0x3d],
    ] as const) {
      bytes.fill(0, start, end);
      theirs.fill(0, start, end);
    }
    expect(bytes).toEqual(theirs);
    expect(device.function.info.resettable).toBe(false);
    expect(device.function.regionInfo(0).size).toBe(0x10_0000);
  });

  it("answers each width as QEMU's does", () => {
    using device = new HostedEdu();
    device.write(register.LIVENESS, 0x1234_5678);
    expect(device.read(register.LIVENESS)).toBe(0xedcb_a987n);
    device.write(register.LIVENESS, 0, 2);
    device.write(register.LIVENESS, 0, 1);
    expect(device.read(register.LIVENESS)).toBe(0xedcb_a987n);
    expect([device.read(0, 1), device.read(0, 2), device.read(0x80, 2)]).toEqual([0n, 0n, 0n]);
    expect([device.read(0, 4), device.read(0, 8)]).toEqual([0x010000edn, 2n ** 64n - 1n]);
    device.write(register.LIVENESS - 4, -1, 8);
    expect(device.read(register.LIVENESS)).toBe(0xedcb_a987n);
    for (const offset of [0x0c, 0x60, 0x64, 0x7c, 0x84, 0x9c, 0xa0, 0xffffc]) {
      expect(device.read(offset)).toBe(ONES);
    }
  });

  it("takes the whole of a 64-bit register from 32 bits at its own offset, and none from those behind", () => {
    using device = new HostedEdu();
    device.write(register.DMA_SOURCE, 0x1234_5678_9abc_def0n, 8);
    expect([device.read(0x80, 8), device.read(0x80, 4)]).toEqual([0x1234_5678_9abc_def0n, 0x9abc_def0n]);
    device.write(0x84, 5);
    expect(device.read(0x80, 8)).toBe(0x1234_5678_9abc_def0n);
    device.write(0x80, 7);
    expect(device.read(0x80, 8)).toBe(7n);
  });

  it.each([
    [0, 1n],
    [12, 479001600n],
    [13, 1932053504n],
    [33, 2147483648n],
    [34, 0n],
    [0xffff_ffff, 0n],
  ])("computes %i! modulo 2^32", (n, result) => {
    using device = new HostedEdu({ factorialUs: 20 });
    device.write(register.FACTORIAL, n);
    expect(device.read(register.STATUS)).toBe(1n);
    device.write(register.FACTORIAL, 5);
    expect(device.read(register.FACTORIAL)).toBe(BigInt(n));
    device.pass(25);
    expect([device.read(register.STATUS), device.read(register.FACTORIAL)]).toEqual([0n, result]);
  });

  it("keeps of the status what may be written, and interrupts when a computation is done", () => {
    using device = new HostedEdu();
    device.enable("msi");
    device.write(register.STATUS, 0xffff_ffff);
    expect(device.read(register.STATUS)).toBe(BigInt(status.INTERRUPT_WHEN_DONE));
    device.write(register.FACTORIAL, 3);
    device.pass(20);
    expect(device.read(register.INTERRUPT_STATUS)).toBe(BigInt(cause.FACTORIAL));
    expect(device.events).toBe(1);
  });

  it("raises INTx until every cause is acknowledged", () => {
    using device = new HostedEdu();
    device.enable("intx");
    const pending = (): number => device.config()[6]! & 0x8;
    device.write(register.INTERRUPT_RAISE, 0);
    expect([device.events, pending()]).toEqual([0, 0]);
    device.write(register.INTERRUPT_RAISE, 0x30);
    expect([device.events, pending()]).toEqual([1, 8]);
    device.write(register.INTERRUPT_ACKNOWLEDGE, 0x10);
    device.function.unmaskIrqs("intx", 0, 1);
    expect([device.events, pending(), device.read(register.INTERRUPT_STATUS)]).toEqual([2, 8, 0x20n]);
    device.write(register.INTERRUPT_ACKNOWLEDGE, 0x20);
    device.function.unmaskIrqs("intx", 0, 1);
    expect([device.events, pending()]).toEqual([2, 0]);
  });
});

describe("transfers", () => {
  it("go both ways, and interrupt if they are to", () => {
    using device = new HostedEdu();
    device.enable("msi");
    const memory = device.addPage(0x5000n).fill(0xa5, 0, 100);
    startTransfer(device, [0x5000n, BUFFER + 8n, 100], dmaCommand.INTERRUPT_WHEN_DONE);
    expect(device.read(register.DMA_COMMAND)).toBe(5n);
    device.pass(20);
    expect([device.read(register.DMA_COMMAND), device.events]).toEqual([4n, 1]);
    expect(device.read(register.INTERRUPT_STATUS)).toBe(BigInt(cause.DMA));
    startTransfer(device, [BUFFER, 0x5800n, 200], dmaCommand.FROM_DEVICE);
    device.pass(20);
    expect(memory.subarray(0x808, 0x808 + 100).every((byte) => byte === 0xa5)).toBe(true);
    expect([memory[0x807], memory[0x808 + 100], device.events]).toEqual([0, 0, 1]);
  });

  it("are programmed while none is under way, and begin only with START", () => {
    using device = new HostedEdu({ transferUs: 30 });
    device.write(register.DMA_COMMAND, dmaCommand.FROM_DEVICE | dmaCommand.INTERRUPT_WHEN_DONE);
    expect(device.read(register.DMA_COMMAND)).toBe(0n);
    startTransfer(device, [0x5000n, BUFFER, 16], 0);
    for (const offset of [0x80, 0x88, 0x90, 0x98]) device.write(offset, 0x77, 8);
    expect([0x80, 0x88, 0x90, 0x98].map((at) => device.read(at, 8))).toEqual([0x5000n, BUFFER, 16n, 1n]);
  });

  it("are done even where the IOMMU stops them: zeros come, nothing goes", () => {
    using device = new HostedEdu();
    const first = device.addPage(0x5000n).fill(0x11);
    const last = device.addPage(0x7000n).fill(0x22);
    startTransfer(device, [0x5ff0n, BUFFER, 32], 0);
    device.pass(20);
    device.addPage(0x6000n);
    startTransfer(device, [BUFFER, 0x7000n, 32], dmaCommand.FROM_DEVICE);
    device.pass(20);
    expect([first[0xff0], last[15], last[16], last[31], last[32]]).toEqual([0x11, 0x11, 0, 0, 0x22]);
    device.busMaster = false;
    startTransfer(device, [BUFFER, 0x7000n, 32], dmaCommand.FROM_DEVICE);
    last.fill(0x33);
    device.pass(20);
    expect([device.read(register.DMA_COMMAND), last[0]]).toEqual([2n, 0x33]);
  });

  it("reach 28 bits of addresses, or as many as are wanted", () => {
    for (const [options, reached] of [
      [undefined, 0x5000n],
      [{ addressBits: 40 }, 0x1_0000_5000n],
    ] as const) {
      using device = new HostedEdu(options);
      const low = device.addPage(0x5000n);
      const high = device.addPage(0x1_0000_5000n);
      const fill = device.addPage(0x9000n).fill(0x44);
      startTransfer(device, [0x9000n, BUFFER, fill.length], 0);
      device.pass(20);
      startTransfer(device, [BUFFER, 0x1_0000_5000n, 4096], dmaCommand.FROM_DEVICE);
      device.pass(20);
      expect([low[0], high[0]]).toEqual(reached === 0x5000n ? [0x44, 0] : [0, 0x44]);
    }
  });

  it.each([
    [BUFFER - 1n, 1],
    [BUFFER + 4090n, 7],
    [BUFFER, 4097],
    [0n, 0],
    [2n ** 64n - 1n, 2],
  ])("that leave the buffer at 0x%x with %i bytes never end, and touch nothing", (inside, size) => {
    using device = new HostedEdu();
    const page = device.addPage(0x5000n).fill(0x55);
    startTransfer(device, [inside, 0x5000n, size], dmaCommand.FROM_DEVICE);
    device.pass(100);
    expect(device.read(register.DMA_COMMAND)).toBe(3n);
    expect(page.every((byte) => byte === 0x55)).toBe(true);
  });
});

describe("a saved edu", () => {
  it("goes on in the middle of a transfer and a computation, elsewhere", () => {
    using first = new HostedEdu({ transferUs: 50, factorialUs: 50 });
    first.addPage(0x5000n).fill(0x66);
    first.write(register.STATUS, status.INTERRUPT_WHEN_DONE);
    first.write(register.FACTORIAL, 10);
    startTransfer(first, [0x5000n, BUFFER, 4096], 0);
    first.pass(20);
    const state = first.save();

    using second = new HostedEdu({ transferUs: 1000 });
    second.addPage(0x5000n).fill(0x77);
    second.enable("msi");
    second.load(state);
    expect([second.read(register.STATUS), second.read(register.DMA_COMMAND)]).toEqual([0x81n, 1n]);
    second.pass(40);
    expect([second.read(register.FACTORIAL), second.read(register.DMA_COMMAND)]).toEqual([3628800n, 0n]);
    expect(second.events).toBe(1);
    const target = second.addPage(0x6000n);
    startTransfer(second, [BUFFER, 0x6000n, 4096], dmaCommand.FROM_DEVICE);
    second.load(second.save());
    second.pass(1010);
    expect(target.every((byte) => byte === 0x77)).toBe(true);
  });

  it("is not taken from bytes that are none", () => {
    using device = new HostedEdu();
    const state = device.instance.save!();
    const load = (bytes: Uint8Array) => () => device.instance.load!(bytes);
    for (const size of [0, 15, 4111, 4112, state.length - 1]) {
      expect(load(state.slice(0, size))).toThrow(failing("ERR_PROTOCOL"));
    }
    for (const us of [-1, Number.NaN, Number.POSITIVE_INFINITY, 60_000_001]) {
      const wrong = state.slice();
      new DataView(wrong.buffer).setFloat64(8, us, true);
      expect(load(wrong)).toThrow(failing("ERR_PROTOCOL", /a work under way that takes/));
    }
  });
});

it("options outside what there is are refused", () => {
  expect(() => edu({ addressBits: 65 })).toThrow(failing("ERR_OUT_OF_RANGE", /addressBits is 65/));
  expect(() => edu({ transferUs: -1 })).toThrow(failing("ERR_OUT_OF_RANGE"));
  expect(() => edu({ factorialUs: 0.5 })).toThrow(failing("ERR_INVALID_ARGUMENT"));
  expect(() => edu({ addressbits: 32 } as never)).toThrow(
    failing("ERR_INVALID_ARGUMENT", /edu has no option "addressbits"/),
  );
  expect(() => edu(null as never)).toThrow(failing("ERR_INVALID_ARGUMENT"));
});

/** What lspci -xxx read of QEMU's edu, of a machine of the corpus; rows that are left out are zeros. */
function capturedSpace(): Uint8Array {
  const corpus = readFileSync(new URL("../../../../tests/lspci/corpus/usb.txt", import.meta.url), "utf8");
  const block = corpus.split("\n\n").find((device) => device.includes("Device 1234:11e8"))!;
  const bytes = new Uint8Array(256);
  for (const [, offset = "", row = ""] of block.matchAll(/^([0-9a-f]{2}): ([0-9a-f ]+)$/gm)) {
    bytes.set(
      row.split(" ").map((byte) => Number.parseInt(byte, 16)),
      Number.parseInt(offset, 16),
    );
  }
  return bytes;
}
