import { emulated } from "@userpci/device-model";
import { DMA_BITS, dmaCommand, Edu } from "@userpci/edu";
import { edu } from "@userpci/edu/model";
import { failing } from "@userpci/interface/testing";
import { openDevice } from "userpci";
import { describe, expect, it } from "vitest";
import { eduTests } from "../vm/edu/tests.ts";

/** Tests that wait for the wall's clock; a model's time passes with accesses, so those below take their place. */
const wallClock = [
  "a transfer that was given up does not spoil the next",
  "a wait ends when the device is closed",
  "an interrupt that never comes ends in a time-out",
];

const places = { edu: "0000:00:04.0", second: "0000:00:05.0", third: "0000:00:06.0", other: "0000:00:07.0" };

const backend = emulated({
  [places.edu]: edu(),
  [places.second]: edu(),
  [places.third]: edu({ addressBits: 64 }),
  [places.other]: {
    name: "memory",
    config: { vendorId: 0x1234, deviceId: 0x1111 },
    bars: { 0: { kind: "memory32", size: 4096, memory: [{ offset: 0, size: 4096, mappable: true }] } },
    create: () => ({ reset() {} }),
  },
});

describe("the edu driver on a model, as on QEMU's edu", () => {
  const tests = Object.entries(eduTests({ ...places, options: { backend } }));
  it("leaves out only tests that there are", () => {
    const names = tests.map(([name]) => name);
    expect(names).toEqual(expect.arrayContaining(wallClock));
  });
  it.each(tests.filter(([name]) => !wallClock.includes(name)))("%s", async (_name, test) => {
    await test();
  });
});

describe("the edu driver on a model, in the model's time", () => {
  it("a transfer that was given up does not spoil the next", async () => {
    await using device = await openDevice("edu", {
      backend: emulated(edu({ transferUs: 500 })),
      dmaBits: DMA_BITS,
    });
    const driver = Edu.attach(device);
    await using buffer = await device.dma.alloc(8192);
    for (const way of ["polling", "msi"] as const) {
      if (way === "msi") driver.useInterrupts(device.irqs.enable(way).at(0));
      buffer.bytes.fill(0x11).fill(0x22, 4096);
      const givenUp = driver.copyIn(buffer, 4096, 0, { timeoutMs: 0 });
      await expect(givenUp).rejects.toEqual(failing("ERR_TIMEOUT", /took more than 0 ms/));
      const signal = AbortSignal.abort();
      await expect(driver.copyIn(buffer, 4096, 0, { signal })).rejects.toEqual(failing("ERR_ABORTED"));
      await driver.copy(0x40000n, buffer.iova + 4096n, 4096, dmaCommand.FROM_DEVICE);
      expect(buffer.bytes.subarray(4096).every((byte) => byte === 0x11)).toBe(true);
      expect(await driver.factorial(6)).toBe(720);
    }
  });

  it("a wait ends when the device is closed", async () => {
    const device = await openDevice("edu", { backend: emulated(edu({ factorialUs: 1e6 })) });
    const driver = Edu.attach(device);
    const computed = expect(driver.factorial(5)).rejects.toEqual(failing("ERR_CLOSED"));
    await device.close();
    await computed;
    await expect(driver.factorial(3)).rejects.toEqual(failing("ERR_CLOSED"));
  });

  it("an interrupt that is lost costs the time-out and no more: the device is asked then", async () => {
    const backend = emulated(edu(), { script: [{ at: { interrupt: 1 }, fault: "lostInterrupt" }] });
    await using device = await openDevice("edu", { backend });
    const driver = Edu.attach(device);
    driver.useInterrupts(device.irqs.enable("msi").at(0));
    const begin = performance.now();
    expect(await driver.factorial(5, { timeoutMs: 1000 })).toBe(120);
    expect(performance.now() - begin).toBeGreaterThan(990);
    expect(await driver.factorial(6)).toBe(720);
    expect(backend.faults.happened).toHaveLength(1);
  });

  it("DMA that the IOMMU stops is done all the same, and brings zeros", async () => {
    await using device = await openDevice("edu", { backend: emulated(edu()), dmaBits: DMA_BITS });
    const driver = Edu.attach(device);
    await using buffer = await device.dma.alloc(4096);
    buffer.bytes.fill(0x33);
    await driver.copyIn(buffer);
    await driver.copy(0x0f00_0000n, 0x40000n, 64, 0);
    await driver.copyOut(buffer, 128);
    expect([buffer.bytes[0], buffer.bytes[63], buffer.bytes[64]]).toEqual([0, 0, 0x33]);
  });
});
