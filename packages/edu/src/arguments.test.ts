import { emulated } from "@userpci/device-model";
import { failing } from "@userpci/interface/testing";
import { openDevice, type PciDevice } from "userpci";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Edu } from "./edu.ts";
import { edu } from "./model/edu.ts";
import { DMA_BITS } from "./registers.ts";

const invalid = failing("ERR_INVALID_ARGUMENT");

let device: PciDevice;
let driver: Edu;

beforeEach(async () => {
  // Longer than any test: what is not refused does not end.
  const slow = edu({ factorialUs: 60_000_000, transferUs: 60_000_000 });
  device = await openDevice("edu", { backend: emulated(slow), dmaBits: DMA_BITS });
  driver = Edu.attach(device);
});

afterEach(async () => {
  driver.close();
  await device.close();
});

it.each([
  { timeoutMs: Number.NaN },
  { timeoutMs: "5" },
  { timeoutMs: null },
  { signal: {} },
  { signal: null },
  null,
  5,
])("does not wait with %j", async (options) => {
  await expect(driver.factorial(3, options as never)).rejects.toThrow(invalid);
  await using buffer = await device.dma.alloc(64);
  await expect(driver.copyIn(buffer, 64, 0, options as never)).rejects.toThrow(invalid);
});

it.each([undefined, null, 5, "edu", {}])("is not attached to %j", (what) => {
  expect(() => Edu.attach(what as never)).toThrow(invalid);
});

it.each([null, 5, {}])("is not told by %j that it is done", (what) => {
  expect(() => driver.useInterrupts(what as never)).toThrow(invalid);
});

it.each([undefined, null, 5, {}, new Uint8Array()])("copies nothing of %j", async (what) => {
  await expect(driver.copyIn(what as never)).rejects.toThrow(expect.objectContaining({ name: "PciError" }));
  await expect(driver.copyOut(what as never, 4)).rejects.toThrow(
    expect.objectContaining({ name: "PciError" }),
  );
});

it.each([undefined, null, 0x4_0000, "0x40000", Object.create(null)])(
  "copies nothing to %s",
  async (target) => {
    await expect(driver.copy(0n, target as never, 4, 0)).rejects.toThrow(invalid);
  },
);
