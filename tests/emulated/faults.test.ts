import { type EmulatedBackend, emulated, type Faults, type HappenedFault } from "@userpci/device-model";
import { DMA_BITS, Edu } from "@userpci/edu";
import { edu as model } from "@userpci/edu/model";
import { isPciError } from "@userpci/interface";
import { openDevice, openDeviceSync, type PciDevice } from "userpci";
import { describe, expect, it } from "vitest";
import { controller } from "../conformance/controller.ts";

/** Registers of edu, for a driver that waits by its own means. */
const [FACTORIAL, STATUS, CAUSES, RAISE, ACKNOWLEDGE] = [0x08, 0x20, 0x24, 0x60, 0x64];
const BUFFER = 4096;

/** What the edu driver is tried with. */
interface Scene {
  readonly backend: EmulatedBackend;
  readonly device: PciDevice;
  readonly edu: Edu;
}

/** Opens edu with faults, and closes all of it whatever became of the test. */
async function withEdu(faults: Faults, test: (scene: Scene) => Promise<void> | void): Promise<void> {
  await using backend = emulated(model(), faults);
  await using device = await openDevice("edu", { backend, dmaBits: DMA_BITS });
  using edu = Edu.attach(device);
  await test({ backend, device, edu });
}

const codeOf = async (call: Promise<unknown>): Promise<string> => {
  try {
    await call;
    return "ok";
  } catch (error) {
    if (isPciError(error)) return error.code;
    throw error;
  }
};

/** What a driver does that sends bytes through the device and lets it compute, by polling. @returns whether all was right */
async function job(device: PciDevice): Promise<boolean> {
  using edu = Edu.attach(device);
  await using buffer = await device.dma.alloc(2 * BUFFER);
  buffer.bytes.fill(0x5a, 0, 64);
  await edu.copyIn(buffer, 64);
  await edu.copy(0x40000n, buffer.iova + BigInt(BUFFER), 64, 2);
  const isCopied = buffer.bytes.subarray(BUFFER, BUFFER + 64).every((byte) => byte === 0x5a);
  return isCopied && (await edu.factorial(5)) === 120;
}

/** A whole life of a device. @returns what it came to: an error's code, or whether all was right */
async function live(faults: Faults): Promise<string> {
  await using backend = emulated(model(), faults);
  try {
    await using device = await openDevice("edu", { backend, dmaBits: DMA_BITS });
    return (await job(device)) ? "right" : "wrong";
  } catch (error) {
    if (!isPciError(error)) throw error;
    return error.code;
  }
}

/** Factorials by MSI on this thread, where time is the device's own. @returns each event and result, and the faults */
function compute(faults: Faults): { seen: readonly number[]; happened: readonly HappenedFault[] } {
  using backend = emulated(model(), faults);
  using device = openDeviceSync("edu", { backend });
  device.config.command.update({ memory: true, busMaster: true });
  using bar = device.bar(0).map();
  const { backendDevice } = device;
  using target = backendDevice.createIrqTarget();
  backendDevice.setIrqs("msi", 0, [target]);
  const seen: number[] = [];
  for (let n = 1; n <= 12; n++) {
    bar.write32(STATUS, 0x80);
    bar.write32(FACTORIAL, n);
    seen.push(target.waitSync(1), bar.read32(FACTORIAL));
    bar.write32(ACKNOWLEDGE, bar.read32(CAUSES));
  }
  return { seen, happened: backend.faults.happened };
}

describe("a driver meets", () => {
  it("a DMA that does not reach its memory, as edu has no word for it: bytes that did not move", () =>
    withEdu({ script: [{ at: { dma: 1 }, fault: "dmaError" }] }, async ({ backend, device, edu }) => {
      await using buffer = await device.dma.alloc(BUFFER);
      for (const expected of [0, 0x5a]) {
        buffer.bytes.fill(0x5a);
        await edu.copyIn(buffer, 16);
        buffer.bytes.fill(0);
        await edu.copyOut(buffer, 16);
        expect(buffer.bytes[15]).toBe(expected);
      }
      expect(backend.faults.happened).toMatchObject([{ fault: "dmaError", at: { dma: 1 } }]);
    }));

  it("an interrupt that never comes: it looks once more when its patience ends, and finds the work done", () =>
    withEdu(
      { script: [{ at: { interrupt: 1 }, fault: "lostInterrupt" }] },
      async ({ backend, device, edu }) => {
        edu.useInterrupts(device.irqs.enable("msi").at(0));
        const begin = performance.now();
        expect(await edu.factorial(5, { timeoutMs: 1000 })).toBe(120);
        expect(performance.now() - begin).toBeGreaterThan(990);
        expect(await edu.factorial(6)).toBe(720);
        expect(backend.faults.happened).toMatchObject([{ fault: "lostInterrupt", vector: "msi 0" }]);
      },
    ));

  it("an interrupt that comes long after what it tells of", () =>
    withEdu({ script: [{ at: { interrupt: 1 }, fault: "lateInterrupt", us: 300 }] }, ({ device }) => {
      const { backendDevice } = device;
      using target = backendDevice.createIrqTarget();
      backendDevice.setIrqs("msi", 0, [target]);
      const bar = backendDevice.mapRegion(0);
      bar.write32(RAISE, 1);
      let us = 0;
      for (; target.take() === 0; us++) device.relax();
      expect(us).toBe(299);
      bar.write32(RAISE, 1);
      expect(target.take()).toBe(1);
    }));

  it("a late interrupt in time, while it waits for it on this thread", () =>
    withEdu({ script: [{ at: { interrupt: 1 }, fault: "lateInterrupt", us: 900 }] }, ({ device }) => {
      const { backendDevice } = device;
      using target = backendDevice.createIrqTarget();
      backendDevice.setIrqs("msi", 0, [target]);
      backendDevice.mapRegion(0).write32(RAISE, 1);
      expect([target.waitSync(0), target.waitSync(1), target.waitSync(1)]).toEqual([0, 1, 0]);
    }));

  it("an interrupt for nothing, and is not misled", () =>
    withEdu({ rates: { spuriousInterrupt: 0.5 } }, async ({ backend, device, edu }) => {
      edu.useInterrupts(device.irqs.enable("msi").at(0));
      for (let n = 0; n < 5; n++) expect(await edu.factorial(n)).toBe([1, 1, 2, 6, 24][n]);
      expect(backend.faults.happened.length).toBeGreaterThan(5);
      expect(backend.faults.happened.every(({ vector }) => vector === "msi 0")).toBe(true);
    }));

  it("a read that nobody answers, from a device that is there all the same", async () => {
    const outcomes = new Set<string>();
    for (let read = 1; read <= 20; read++) {
      outcomes.add(await live({ script: [{ at: { read }, fault: "allOnes" }] }));
    }
    // Which one it is decides what becomes of it: no edu for its driver, a wrong result, or nothing but one more look.
    expect([...outcomes].sort()).toEqual(["ERR_NOT_SUPPORTED", "right", "wrong"]);
  });

  it("a device that takes longer", async () => {
    const looks: number[] = [];
    for (const us of [1, 400]) {
      await withEdu({ script: [{ at: { work: 1 }, fault: "slow", us }] }, ({ device }) => {
        using bar = device.bar(0).map();
        bar.write32(FACTORIAL, 5);
        let count = 0;
        while ((bar.read32(STATUS) & 1) !== 0) count++;
        looks.push(count);
        expect(bar.read32(FACTORIAL)).toBe(120);
      });
    }
    expect(looks[1]! - looks[0]!).toBeGreaterThan(150);
  });

  it.each([
    ["noPins", "ERR_MEMLOCK"],
    ["mapBusy", "EBUSY"],
  ] as const)("%s as %s, with nothing left mapped", (fault, code) =>
    withEdu({ script: [{ at: { map: 1 }, fault, times: 2 }] }, async ({ backend, device }) => {
      expect(await codeOf(device.dma.alloc(BUFFER))).toBe(code);
      expect(await codeOf(device.dma.alloc(BUFFER))).toBe(code);
      expect([device.domain.mappedBytes, backend.faults.outstanding]).toEqual([0, []]);
      await using buffer = await device.dma.alloc(BUFFER);
      expect(device.domain.mappedBytes).toBe(buffer.size);
    }),
  );

  it("a reset that fails, and one that does not", async () => {
    await using backend = emulated(controller(), { script: [{ at: { reset: 2 }, fault: "resetFails" }] });
    await using device = await openDevice("controller", { backend });
    device.config.command.update({ memory: true });
    const outcomes = [await codeOf(device.reset())];
    device.bar(0).region().write32(0x10, 5);
    outcomes.push(await codeOf(device.reset()));
    expect(device.bar(0).region().read32(0x10)).toBe(5);
    outcomes.push(await codeOf(device.hotReset()));
    expect(device.bar(0).region().read32(0x10)).toBe(0);
    expect(outcomes).toEqual(["ok", "ENOTTY", "ok"]);
  });

  it("a device that is pulled out while it waits for its interrupt", () =>
    withEdu({}, async ({ backend, device, edu }) => {
      edu.useInterrupts(device.irqs.enable("msi").at(0));
      const work = codeOf(edu.factorial(5, { timeoutMs: 20 }));
      const { accesses } = backend.function();
      // Promises are gone on with before the device is, which the event loop lets run.
      for (let i = 0; i < 20; i++) await null;
      expect(backend.function().accesses).toBeGreaterThan(accesses + 2);
      backend.function().unplug();
      expect(await work).toBe("ERR_DEVICE_GONE");
    }));

  it("the system's request for the device, and gives it back", () =>
    withEdu({}, async ({ backend, device }) => {
      const asked = new Promise<number>((resolve) =>
        device.onRelease(({ requests }) => void resolve(requests)),
      );
      const removal = backend.function().remove();
      expect(await asked).toBe(1);
      await removal;
      expect([device.closed, backend.function().gone]).toEqual([true, true]);
      expect(await codeOf(openDevice("edu", { backend }))).toBe("ERR_NO_DEVICE");
      backend.function("edu").replug();
      await (await openDevice("edu", { backend })).close();
    }));
});

describe("whenever", () => {
  it("the device is pulled out, the driver gets a clean error, and the next one finds the device as new", async () => {
    const outcomes: string[] = [];
    let access = 0;
    do {
      access += 1;
      const script = [{ at: { access }, fault: "unplug" }] as const;
      const backend = emulated(model(), { script });
      const device = await openDevice("edu", { backend, dmaBits: DMA_BITS }).catch((error) => error);
      const work = isPciError(device) ? Promise.reject(device) : job(device);
      outcomes.push(await codeOf(work));
      if (!isPciError(device)) await device.close();
      const fn = backend.function();
      expect([access, fn.gone, fn.busy]).toEqual([access, backend.faults.outstanding.length === 0, false]);
      if (fn.gone) {
        fn.replug();
        await using again = await openDevice("edu", { backend, dmaBits: DMA_BITS });
        expect(Edu.attach(again).isAlive()).toBe(true);
      }
      await backend.close();
    } while (outcomes.at(-1) !== "ok");
    expect(access).toBeGreaterThan(30);
    expect(new Set(outcomes.slice(0, -1))).toEqual(new Set(["ERR_DEVICE_GONE"]));
  });

  it("the seed is the same, the run is", () => {
    const rates = {
      lostInterrupt: 0.2,
      lateInterrupt: 0.2,
      spuriousInterrupt: 0.02,
      allOnes: 0.01,
      slow: 0.2,
    };
    const runs = Array.from({ length: 10 }, (_, seed) => compute({ seed, rates }));
    expect(Array.from({ length: 10 }, (_, seed) => compute({ seed, rates }))).toEqual(runs);
    expect(new Set(runs.map((run) => JSON.stringify(run))).size).toBe(10);
    const kinds = new Set(runs.flatMap(({ happened }) => happened.map(({ fault }) => fault)));
    expect([...kinds].sort()).toEqual(Object.keys(rates).sort());
  });
});
