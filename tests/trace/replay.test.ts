import { setImmediate, setTimeout } from "node:timers/promises";
import { type DeviceModel, emulated, type ModelDevice, type Task } from "@userpci/device-model";
import { DMA_BITS, Edu, eduRegisters } from "@userpci/edu";
import { edu } from "@userpci/edu/model";
import { toIova } from "@userpci/interface";
import { failing } from "@userpci/interface/testing";
import { createDomain } from "@userpci/iommu";
import { type Backend, openDevice, openDeviceSync, type PciDevice } from "userpci";
import { type Replay, readRecordingSync, record, replay, type TraceEvent, tracePrinter } from "userpci/trace";
import { describe, expect, it } from "vitest";

const ADDRESS = "edu";

/** Runs a job on an emulated edu, or another model, and gives its result with what was recorded. */
async function recorded<T>(
  job: (backend: Backend) => Promise<T>,
  model = edu(),
): Promise<{ result: T; bytes: Uint8Array }> {
  const chunks: Uint8Array[] = [];
  await using backend = record(emulated(model), { write: (bytes) => chunks.push(bytes) });
  const result = await job(backend);
  await backend.close();
  return { result, bytes: Buffer.concat(chunks) };
}

/** Repeats a job on what was recorded, all of it. */
async function repeated<T>(
  recording: Parameters<typeof replay>[0],
  job: (backend: Replay) => Promise<T>,
): Promise<T> {
  await using backend = replay(recording);
  const result = await job(backend);
  backend.assertEnded();
  return result;
}

const open = (backend: Backend): Promise<PciDevice> => openDevice(ADDRESS, { backend, dmaBits: DMA_BITS });

/** Sends bytes through the device and back, by interrupt; computes, by polling. */
async function wholeJob(backend: Backend, n = 5): Promise<{ factorial: number; back: number[] }> {
  await using device = await open(backend);
  using driver = Edu.attach(device);
  const factorial = await driver.factorial(n);
  using irqs = device.irqs.enable("msi");
  driver.useInterrupts(irqs.at(0));
  await using buffer = await device.dma.alloc(8192);
  buffer.bytes.set([1, 2, 3, 4]);
  await driver.copyIn(buffer, 4);
  buffer.bytes.fill(0);
  await driver.copyOut(buffer, 4);
  return { factorial, back: [...buffer.bytes.subarray(0, 4)] };
}

describe("a recording of a driver at work", () => {
  it("repeats it without a device: results, interrupts and what the device wrote by DMA", async () => {
    const { result, bytes } = await recorded(wholeJob);
    expect(result).toEqual({ factorial: 120, back: [1, 2, 3, 4] });
    expect(await repeated(bytes, wholeJob)).toEqual(result);
  });

  it("is repeated by its events as by its bytes, and by nothing else", async () => {
    const { result, bytes } = await recorded(wholeJob);
    expect(await repeated(readRecordingSync(bytes), wholeJob)).toEqual(result);
    expect(() => replay("run.trace" as never)).toThrow(
      failing("ERR_INVALID_ARGUMENT", /recording/, /events/),
    );
  });

  it("repeats that a device is closed with its interrupts enabled and its memory mapped", async () => {
    const job = async (backend: Backend): Promise<number> => {
      const device = await open(backend);
      const driver = Edu.attach(device);
      driver.useInterrupts(device.irqs.enable("msi").at(0));
      await device.dma.alloc(4096);
      const factorial = await driver.factorial(6);
      await device.close();
      return factorial;
    };
    const { result, bytes } = await recorded(job);
    expect(await repeated(bytes, job)).toBe(result);
  });

  it("that is damaged where a device is opened is refused", async () => {
    const { bytes } = await recorded(wholeJob);
    const text = Buffer.from(bytes);
    text[text.indexOf('"start"') + 1] = 0x78;
    await using backend = replay(text);
    await expect(open(backend)).rejects.toEqual(failing("ERR_PROTOCOL", /damaged/));
  });

  it("is the same each time", async () => {
    const { bytes } = await recorded(wholeJob);
    for (let round = 0; round < 3; round++) expect((await repeated(bytes, wholeJob)).factorial).toBe(120);
  });

  it("shows a driver what its device wrote, and not yet what it writes itself", async () => {
    const job = async (backend: Backend): Promise<number[]> => {
      await using device = await open(backend);
      using driver = Edu.attach(device);
      await using buffer = await device.dma.alloc(4096);
      const seen: number[] = [];
      for (const byte of [1, 2, 3]) {
        buffer.bytes.fill(byte);
        await driver.copyIn(buffer, 64);
        buffer.bytes.fill(0xff);
        await driver.copyOut(buffer, 64);
        seen.push(buffer.bytes[0]!);
      }
      return seen;
    };
    const { result, bytes } = await recorded(job);
    expect(result).toEqual([1, 2, 3]);
    expect(await repeated(bytes, job)).toEqual(result);
  });

  it("stops a driver that does something else at that place, and says what was recorded there", async () => {
    const { bytes } = await recorded((backend) => wholeJob(backend, 5));
    await using backend = replay(bytes);
    await expect(wholeJob(backend, 6)).rejects.toEqual(
      failing(
        "ERR_REPLAY",
        /did write 32 of region 0 at 0x8 of 0x6, and the recording has: .*write 32 bar0 \+ 0x8 <- 0x5/,
      ),
    );
  });

  it("tells of what a driver left out", async () => {
    const { bytes } = await recorded(wholeJob);
    await using backend = replay(bytes);
    await open(backend);
    expect(() => backend.assertEnded()).toThrow(failing("ERR_REPLAY", /did nothing more/));
  });

  it("throws again what was thrown", async () => {
    const job = async (backend: Backend): Promise<unknown[]> => {
      await using device = await open(backend);
      const thrown: unknown[] = [];
      const attempts = [
        () => device.resetSync(),
        () => device.hotResetInfo(),
        () => device.bar(0).region().read32(2),
        () => device.bar(1).region(),
      ];
      for (const attempt of attempts) {
        try {
          attempt();
        } catch (error) {
          thrown.push((error as { code: string }).code);
        }
      }
      await openDevice("elsewhere", { backend }).catch((error: { code: string }) => thrown.push(error.code));
      return thrown;
    };
    const { result, bytes } = await recorded(job);
    expect(result).toContain("ERR_NO_RESET");
    expect(result).toHaveLength(5);
    expect(await repeated(bytes, job)).toEqual(result);
  });

  it("has synchronous calls too", async () => {
    const job = async (backend: Backend): Promise<number> => {
      using device = openDeviceSync(ADDRESS, { backend, dmaBits: DMA_BITS });
      device.config.command.update({ memory: true, busMaster: true });
      using irqs = device.irqs.enable("msi");
      using registers = device.bar(0).map();
      registers.write32(0x60, 7);
      const count = irqs.at(0).waitSync({ timeoutMs: 1000 });
      return count + registers.read32(0x24);
    };
    const { result, bytes } = await recorded(job);
    expect(result).toBe(8);
    expect(await repeated(bytes, job)).toBe(8);
  });
});

/** A device that adds 1 to the byte at the address that is written to its register, after some microseconds, and interrupts. */
const adder = (us: number): DeviceModel => ({
  name: "adder",
  config: {
    vendorId: 0x1234,
    deviceId: 1,
    classCode: 0xff0000,
    interruptPin: 1,
    capabilities: [{ name: "msi" }],
  },
  bars: { 0: { kind: "memory32", size: 4096 } },
  create: (device) => ({
    bars: {
      0: {
        read: () => 0,
        write: (_offset, _width, iova) => device.run(increment(device, BigInt(iova), us)),
      },
    },
    reset: () => undefined,
  }),
});

function* increment(device: ModelDevice, iova: bigint, us: number): Task {
  if (us > 0) yield* device.time.sleep(us);
  const bytes = new Uint8Array(1);
  yield* device.dma.read(iova, bytes);
  bytes[0]! += 1;
  yield* device.dma.write(iova, bytes);
  device.interrupts.signal(0);
}

describe("a recording of a driver that looks into memory", () => {
  type Wait = (
    device: PciDevice,
    isDone: () => boolean,
    irqs: ReturnType<PciDevice["irqs"]["enable"]>,
  ) => Promise<unknown>;
  const ways: [string, number, Wait][] = [
    ["at once", 0, async () => undefined],
    ["by interrupt", 20, (_device, _isDone, irqs) => irqs.at(0).wait({ timeoutMs: 60_000 })],
    [
      "in a loop",
      20,
      async (device, isDone) => {
        while (!isDone()) device.relax();
      },
    ],
    [
      "with a timer",
      20,
      async (device, isDone) => {
        for (; !isDone(); device.relax()) await setTimeout(1);
      },
    ],
  ];

  it.each(ways)("shows it the same bytes after the same call: %s", async (_name, us, wait) => {
    const job = async (backend: Backend): Promise<number[]> => {
      await using device = await openDevice("adder", { backend, dmaBits: 32 });
      device.config.command.update({ memory: true, busMaster: true });
      using irqs = device.irqs.enable("msi");
      await using buffer = await device.dma.alloc(4096);
      using registers = device.bar(0).map();
      const seen: number[] = [];
      for (const start of [10, 20, 30]) {
        buffer.bytes[0] = start;
        registers.write32(0, Number(buffer.iova));
        await wait(device, () => buffer.bytes[0] !== start, irqs);
        seen.push(buffer.bytes[0]);
        buffer.bytes[0] = 0;
      }
      return seen;
    };
    const { result, bytes } = await recorded(job, adder(us));
    expect(result).toEqual([11, 21, 31]);
    expect(await repeated(bytes, job)).toEqual(result);
  });
});

describe("what comes by itself in a replay", () => {
  /** A recording of a device with a mapping at 0x1000 and a target, in which something more happens then. */
  async function withMore(more: readonly Record<string, unknown>[]): Promise<TraceEvent[]> {
    const { bytes } = await recorded(async (backend) => void setUp(backend));
    const all = readRecordingSync(bytes);
    const events = all.slice(0, all.findIndex(({ kind }) => kind === "map") + 1);
    return [...events, ...(more.map((each) => ({ time: 0, device: 0, ...each })) as TraceEvent[])];
  }

  function setUp(backend: Backend) {
    const domain = createDomain();
    const device = backend.openSync(ADDRESS, { domain });
    const target = device.createIrqTarget();
    const memory = device.memory.alloc(4096);
    domain.mapSync(memory, { iova: toIova(0x1000n) });
    return { device, target, bytes: new Uint8Array(memory.buffer) };
  }

  const changed = (byte: number) => ({ kind: "memory", iova: 0x1000n, bytes: Uint8Array.of(byte) });
  const interrupt = { kind: "interrupt", target: 0, count: 1 };
  const reset = { kind: "call", method: "reset", args: [], pending: 0 };
  const turns = async (count: number) => {
    for (let i = 0; i < count; i++) await setImmediate();
  };

  it("is told one after the other, with memory as it was", async () => {
    const backend = replay(
      await withMore([reset, changed(1), interrupt, changed(2), { kind: "result", pending: 0 }, changed(3)]),
    );
    const { device, target, bytes } = setUp(backend);
    const seen: [string, number][] = [];
    target.listen(() => seen.push(["interrupt", bytes[0]!]));
    const done = device.reset().then(() => seen.push(["result", bytes[0]!]));
    seen.push(["call", bytes[0]!]);
    await done;
    await turns(3);
    seen.push(["later", bytes[0]!]);
    expect(seen).toEqual([
      ["call", 0],
      ["interrupt", 1],
      ["result", 2],
      ["later", 3],
    ]);
  });

  it("waits for who listens, but not for a target that is closed, or for a result", async () => {
    const backend = replay(await withMore([interrupt, changed(1)]));
    const { target, bytes } = setUp(backend);
    await turns(5);
    expect(bytes[0]).toBe(0);
    target.close();
    await turns(5);
    expect(bytes[0]).toBe(1);
    const another = replay(await withMore([reset, interrupt, changed(1), { kind: "result", pending: 0 }]));
    const { device } = setUp(another);
    await expect(device.reset()).resolves.toBeUndefined();
  });

  it("may be any number of interrupts in a row", async () => {
    const count = 200_000;
    const backend = replay(await withMore([changed(1), ...Array.from({ length: count }, () => interrupt)]));
    const { target, bytes } = setUp(backend);
    let told = 0;
    target.listen(() => told++);
    while (told < count) await setImmediate();
    expect(bytes[0]).toBe(1);
  });

  it("changes no memory any more when the replay is closed, though the domain is not", async () => {
    const backend = replay(await withMore([changed(1)]));
    const { bytes } = setUp(backend);
    await backend.close();
    await turns(3);
    expect(bytes[0]).toBe(0);
  });

  it("comes with nothing that a closed device does", async () => {
    const job = async (backend: Backend): Promise<void> => {
      const device = await openDevice(ADDRESS, { backend });
      await device.close();
      device.backendDevice.relax();
    };
    const { bytes } = await recorded(job);
    await repeated(bytes, job);
  });
});

describe("tracePrinter", () => {
  it("gives each event a line, with registers and their bits by name", async () => {
    const { bytes } = await recorded(wholeJob);
    const print = tracePrinter({ registers: { 0: eduRegisters } });
    const lines = readRecordingSync(bytes).map(print);
    expect(lines[0]).toMatch(/^ +\d+\.\d{3} ms {2}0 {2}open edu on emulated$/);
    const text = lines.join("\n");
    expect(text).toMatch(/write 32 bar0 \+ 0x8 <- 0x5 {2}FACTORIAL/);
    expect(text).toMatch(/COMPUTING|STATUS = 0x/);
    expect(text).toMatch(/interrupt of target \d/);
    expect(text).toMatch(/map 0x[0-9a-f]+ for 8192 bytes, bidirectional/);
    expect(text).toMatch(/memory 0x[0-9a-f]+ = 01 02 03 04/);
    expect(text).not.toMatch(/undefined|\[object/);
  });
});
