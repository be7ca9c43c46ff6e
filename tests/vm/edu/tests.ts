import { strict as assert } from "node:assert";
import { randomBytes, randomInt } from "node:crypto";
import { type Completion, DMA_BITS, dmaCommand, Edu } from "@userpci/edu";
import type { PciError } from "@userpci/interface";
import { type DeviceOptions, openDevice, openDeviceSync, type PciDevice } from "userpci";
import { expectCode, expectRejection } from "../harness/expect.ts";
import { holdings } from "../harness/process.ts";
import type { GuestTest } from "../harness/suite.ts";

const FACTORIALS = [1, 1, 2, 6, 24, 120, 720, 5040, 40320, 362880, 3628800, 39916800, 479001600];
const BUFFER_SIZE = 4096;
const ATTEMPTS = 10;

/** Addresses of what the tests use. */
export interface EduPlaces {
  readonly edu: string;
  /** Another edu, in an IOMMU group of its own or with nothing else in use. */
  readonly second: string;
  /** A third, or {@link second}: none that a transfer was given up on. */
  readonly third: string;
  /** Something that is no edu, and has a BAR 0. */
  readonly other: string;
  /** How to open them. Default: as openDevice does by itself. */
  readonly options?: DeviceOptions;
}

/** How the driver may be told that the device is done. */
const ways = ["polling", "msi", "intx"] as const;

/** A driver of the edu at `address` that waits in one of the {@link ways}. */
async function attach(
  address: string,
  way: (typeof ways)[number] = "polling",
  options?: DeviceOptions,
): Promise<{ device: PciDevice; edu: Edu; [Symbol.asyncDispose](): Promise<void> }> {
  const device = await openDevice(address, { ...options, dmaBits: DMA_BITS });
  const edu = Edu.attach(device);
  if (way !== "polling") edu.useInterrupts(device.irqs.enable(way).at(0));
  return { device, edu, [Symbol.asyncDispose]: () => device.close() };
}

/** Sends random bytes through the device and back, and compares. */
async function checkDma({ device, edu }: { device: PciDevice; edu: Edu }): Promise<void> {
  await using buffer = await device.dma.alloc(2 * BUFFER_SIZE);
  const sent = randomBytes(BUFFER_SIZE);
  buffer.bytes.set(sent);
  await edu.copyIn(buffer, BUFFER_SIZE);
  await edu.copy(0x40000n, buffer.iova + BigInt(BUFFER_SIZE), BUFFER_SIZE, dmaCommand.FROM_DEVICE);
  assert.deepEqual(buffer.bytes.subarray(BUFFER_SIZE), new Uint8Array(sent));
}

/**
 * The error of a transfer that is ended early. A machine that is held up for the 100 ms that edu takes finds it done instead:
 * then it is tried again.
 */
async function expectGivenUp(code: string, transfer: () => Promise<void>): Promise<PciError> {
  for (let attempt = 1; attempt < ATTEMPTS; attempt++) {
    const error: unknown = await transfer().catch((error: unknown) => error);
    if (error !== undefined) return expectRejection(code, () => Promise.reject(error));
  }
  return expectRejection(code, transfer);
}

/** What the driver does on an edu, whoever made it. */
export const eduTests = (at: EduPlaces): Readonly<Record<string, GuestTest>> => ({
  "edu identifies itself and is alive": async () => {
    await using opened = await attach(at.edu, "polling", at.options);
    assert.deepEqual(opened.edu.version, { major: 1, minor: 0 });
    assert.equal(opened.edu.isAlive(), true);
    assert.equal(opened.edu.isAlive(randomInt(2 ** 32)), true);
    assert.equal(opened.edu.isAlive(0), true);
  },

  "another device is refused, and left as it was": async () => {
    await using device = await openDevice(at.other, at.options);
    const before = device.config.command.raw;
    expectCode("ERR_NOT_SUPPORTED", () => Edu.attach(device));
    assert.equal(device.config.command.raw, before);
    assert.equal(holdings().mappings, 0);
  },

  "edu computes factorials": async () => {
    for (const way of ways) {
      await using opened = await attach(at.edu, way, at.options);
      const results = [];
      for (let n = 0; n <= 12; n++) results.push(await opened.edu.factorial(n));
      assert.deepEqual(results, FACTORIALS, way);
      assert.equal(opened.edu.interruptStatus, 0, "every interrupt was acknowledged");
    }
  },

  "a factorial that does not fit is refused": async () => {
    await using opened = await attach(at.edu, "polling", at.options);
    await expectRejection("ERR_OUT_OF_RANGE", () => opened.edu.factorial(13));
    await expectRejection("ERR_OUT_OF_RANGE", () => opened.edu.factorial(-1));
    await expectRejection("ERR_INVALID_ARGUMENT", () => opened.edu.factorial(2.5));
  },

  "random bytes come back from the device unchanged": async () => {
    for (const way of ways) {
      await using opened = await attach(at.edu, way, at.options);
      await checkDma(opened);
      assert.equal(opened.edu.interruptStatus, 0);
    }
  },

  "a part of the device's buffer is copied, and what does not fit refused": async () => {
    await using opened = await attach(at.edu, "polling", at.options);
    const { device, edu } = opened;
    await using buffer = await device.dma.alloc(BUFFER_SIZE);
    buffer.bytes.set(randomBytes(16));
    await edu.copyIn(buffer, 16, BUFFER_SIZE - 16);
    await using back = await device.dma.alloc(BUFFER_SIZE);
    await edu.copyOut(back, 16, BUFFER_SIZE - 16);
    assert.deepEqual(back.bytes.subarray(0, 16), buffer.bytes.subarray(0, 16));
    for (const [size, offset] of [
      [17, BUFFER_SIZE - 16],
      [BUFFER_SIZE + 1, 0],
      [1, BUFFER_SIZE],
      [0, 0],
      [16, -16],
    ] as const) {
      await expectRejection("ERR_OUT_OF_RANGE", () => edu.copyIn(buffer, size, offset));
      await expectRejection("ERR_OUT_OF_RANGE", () => edu.copyOut(buffer, size, offset));
    }
  },

  "DMA memory lies where 28 bits reach": async () => {
    await using opened = await attach(at.edu, "polling", at.options);
    const buffers = await Promise.all([4096, 2 ** 21, 2 ** 23].map((size) => opened.device.dma.alloc(size)));
    for (const { iova, size } of buffers) assert.ok(iova + BigInt(size) <= 2n ** 28n);
    await expectRejection("ERR_IOVA_RANGE", () => opened.device.dma.alloc(2 ** 28));
  },

  "one device does not reach what another may": async () => {
    await using first = await attach(at.edu, "polling", at.options);
    await using second = await attach(at.second, "polling", at.options);
    await using mine = await first.device.dma.alloc(BUFFER_SIZE);
    await using own = await second.device.dma.alloc(BUFFER_SIZE);
    assert.equal(mine.iova, own.iova, "the same address in two domains");
    mine.bytes.fill(0x11);
    own.bytes.fill(0x22);
    await second.edu.copyIn(own);
    await second.edu.copyOut(own);
    assert.ok(mine.bytes.every((byte) => byte === 0x11));
    assert.ok(own.bytes.every((byte) => byte === 0x22));
  },

  "two drivers work at once": async () => {
    await using first = await attach(at.edu, "msi", at.options);
    await using second = await attach(at.second, "intx", at.options);
    const [a, b] = await Promise.all([
      first.edu.factorial(11),
      second.edu.factorial(12),
      checkDma(first),
      checkDma(second),
    ]);
    assert.deepEqual([a, b], [FACTORIALS[11], FACTORIALS[12]]);
  },

  "calls made at once are done one after the other": async () => {
    for (const way of ["polling", "msi"] as const) {
      await using opened = await attach(at.edu, way, at.options);
      const results = await Promise.all([3, 5, 7, 9].map((n) => opened.edu.factorial(n)));
      assert.deepEqual(results, [FACTORIALS[3], FACTORIALS[5], FACTORIALS[7], FACTORIALS[9]]);
      const { device, edu } = opened;
      await using sent = await device.dma.alloc(BUFFER_SIZE);
      await using back = await device.dma.alloc(BUFFER_SIZE);
      sent.bytes.set(randomBytes(BUFFER_SIZE));
      await Promise.all([
        edu.copyIn(sent, 2048),
        edu.copyOut(back, 1024),
        edu.factorial(4),
        edu.copyOut(back, 2048),
      ]);
      assert.deepEqual(back.bytes.subarray(0, 2048), sent.bytes.subarray(0, 2048));
    }
  },

  "a transfer that was given up does not spoil the next": async () => {
    for (const way of ways) {
      await using opened = await attach(at.edu, way, at.options);
      const { device, edu } = opened;
      await using buffer = await device.dma.alloc(BUFFER_SIZE);
      let signal = AbortSignal.abort();
      const error = await expectGivenUp("ERR_ABORTED", () => {
        const cancel = new AbortController();
        signal = cancel.signal;
        setTimeout(() => cancel.abort(), 10);
        return edu.copyIn(buffer, 16, 0, { signal });
      });
      assert.equal(error.cause, signal.reason);
      await expectGivenUp("ERR_TIMEOUT", () => edu.copyIn(buffer, 16, 0, { timeoutMs: 0 }));
      await expectRejection("ERR_ABORTED", () => edu.copyIn(buffer, 16, 0, { signal: AbortSignal.abort() }));
      await checkDma(opened);
      assert.equal(await edu.factorial(6), 720);
    }
  },

  "a wait ends when the device is closed": async () => {
    for (const way of ways) {
      let outcome: unknown;
      for (let attempt = 0; outcome === undefined && attempt < ATTEMPTS; attempt++) {
        const { device, edu } = await attach(at.edu, way, at.options);
        const copy = edu.copyIn(await device.dma.alloc(BUFFER_SIZE)).catch((error: unknown) => error);
        await new Promise((resolve) => setTimeout(resolve, 5));
        await device.close();
        await expectRejection("ERR_CLOSED", () => edu.factorial(3));
        outcome = await copy;
      }
      await expectRejection("ERR_CLOSED", () => Promise.reject(outcome));
    }
  },

  "interrupts are raised and acknowledged by cause": async () => {
    // The other one may still be at a transfer that was given up, and tell of its end.
    await using opened = await attach(at.third, "polling", at.options);
    const { device, edu } = opened;
    using irqs = device.irqs.enable("intx");
    edu.raise(0x30);
    assert.equal(await irqs.at(0).wait({ timeoutMs: 5000 }), 1);
    assert.equal(edu.interruptStatus, 0x30);
    edu.acknowledge(0x10);
    assert.equal(await irqs.at(0).wait({ timeoutMs: 5000 }), 1, "one cause is left, so it fires again");
    edu.acknowledge(0x20);
    assert.equal(await irqs.at(0).wait({ timeoutMs: 30 }), 0);
    assert.equal(edu.interruptStatus, 0);
  },

  "an interrupt that never comes ends in a time-out": async () => {
    await using opened = await attach(at.edu, "polling", at.options);
    const silent: Completion = {
      wait: ({ timeoutMs = 0 }) => new Promise((resolve) => setTimeout(resolve, timeoutMs, 0)),
    };
    opened.edu.useInterrupts(silent);
    await using buffer = await opened.device.dma.alloc(BUFFER_SIZE);
    const error = await expectGivenUp("ERR_TIMEOUT", () =>
      opened.edu.copyIn(buffer, 16, 0, { timeoutMs: 30 }),
    );
    assert.match(error.message, /30 ms/);
  },

  "a device opened with nonsense is free again": () => {
    expectCode("ERR_OUT_OF_RANGE", () => openDeviceSync(at.edu, { ...at.options, dmaBits: 11 }));
    expectCode("ERR_INVALID_ARGUMENT", () => openDeviceSync(at.edu, { ...at.options, dmaBits: Number.NaN }));
    openDeviceSync(at.edu, at.options).closeSync();
  },
});
