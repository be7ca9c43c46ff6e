import { type BackendDevice, type OwnedRegion, regionIndex } from "@userpci/interface";
import { failing } from "@userpci/interface/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { recorder } from "../testing/models.ts";
import { doorbell, MOVE_US, mover, register, status } from "../testing/mover.ts";
import { emulated } from "./emulated.ts";
import { EmulatedMachine } from "./machine.ts";

/** Turns memory decode and bus mastering on, and maps the registers. */
function start(device: BackendDevice): OwnedRegion {
  device.region(regionIndex.config).write16(4, 0b111);
  return device.mapRegion(0);
}

/** Has a mover move 16 bytes, and waits for it by looking. @returns how often it looked, and the status in the end */
function move(bar: OwnedRegion, source: bigint, target: bigint): { looks: number; status: number } {
  bar.write64(register.SOURCE, source);
  bar.write64(register.TARGET, target);
  bar.write32(register.START, 1);
  let looks = 1;
  while ((bar.read32(register.STATUS) & status.BUSY) !== 0) looks++;
  return { looks, status: bar.read32(register.STATUS) };
}

describe("an emulated device", () => {
  it("runs while its driver does nothing but look: each access is some of its time", () => {
    using backend = emulated(mover());
    const device = backend.openSync("mover");
    const bar = start(device);
    using memory = backend.memory.alloc(4096);
    using mapping = device.domain.mapSync(memory);
    new Uint8Array(memory.buffer).fill(7, 0, 16);
    const { looks, status } = move(bar, mapping.iova, mapping.iova + 256n);
    expect([looks > 2 && looks <= MOVE_US, status]).toEqual([true, 0]);
    expect(new Uint8Array(memory.buffer, 256, 17)).toEqual(new Uint8Array(17).fill(7, 0, 16));
  });

  it("finds what is written to its mapped memory with the next access, and needs no other", () => {
    using backend = emulated(mover());
    const device = backend.openSync("mover");
    const bar = start(device);
    using target = device.createIrqTarget();
    device.setIrqs("msi", 0, [target]);
    bar.write32(doorbell.RING, 5);
    expect([bar.read32(doorbell.LAST), target.take()]).toEqual([5, 1]);
    expect(device.region(0).read32(doorbell.LAST)).toBe(5);
  });

  it("runs while its driver waits on this thread, as long as it has something to do", () => {
    using backend = emulated(mover());
    const device = backend.openSync("mover");
    const bar = start(device);
    using target = device.createIrqTarget();
    device.setIrqs("msi", 0, [target]);
    bar.write32(register.START, 1);
    const begin = performance.now();
    expect(target.waitSync(2 ** 31 - 1)).toBe(1);
    expect(target.waitSync(2 ** 31 - 1)).toBe(0);
    expect(performance.now() - begin).toBeLessThan(30_000);
  });

  it("is told of its interrupts one call a turn of the event loop, with their number", async () => {
    await using backend = emulated(mover());
    const device = await backend.open("mover");
    const bar = start(device);
    using target = device.createIrqTarget();
    device.setIrqs("msi", 0, [target]);
    const counts: number[] = [];
    const arrived = new Promise<void>((resolve) =>
      target.listen((count) => {
        counts.push(count);
        resolve();
      }),
    );
    for (let i = 1; i <= 3; i++) bar.write32(doorbell.RING, i);
    expect(counts).toEqual([]);
    await arrived;
    expect(counts).toEqual([3]);
  });

  it("interrupts again by its line when that is unmasked by a target, as long as it asserts it", () => {
    using backend = emulated(mover());
    const device = backend.openSync("mover");
    const bar = start(device);
    using event = device.createIrqTarget();
    using unmask = device.createIrqTarget();
    device.setIrqs("intx", 0, [event]);
    device.setUnmaskTarget("intx", 0, unmask);
    bar.write32(register.LINE, 1);
    expect([event.take(), event.take()]).toEqual([1, 0]);
    unmask.signal();
    expect(event.take()).toBe(1);
    bar.write32(register.LINE, 0);
    unmask.signal();
    expect(event.take()).toBe(0);
    bar.write32(register.LINE, 1);
    expect(event.take()).toBe(1);
    device.setUnmaskTarget("intx", 0, null);
    unmask.signal();
    expect(event.take()).toBe(0);
  });

  it("has memory BARs of a page and more mapped as a whole, and others by call only", () => {
    using backend = emulated(mover());
    const device = backend.openSync("mover");
    start(device);
    const mappable = [0, 1, 2].map((index) => device.regionInfo(index).mappable.length);
    expect(mappable).toEqual([1, 0, 0]);
    for (const index of [1, 2]) {
      expect(() => device.mapRegion(index)).toThrow(
        failing("ERR_NOT_SUPPORTED", /cannot be mapped/, RegExp(`by device\\.bar\\(${index}\\)\\.region`)),
      );
      expect(device.region(index).read16(4)).toBe(4);
    }
  });

  it("that is pulled out answers ones, and errors where registers were", async () => {
    await using backend = emulated(mover());
    const device = await backend.open("mover");
    const bar = start(device);
    backend.function().unplug();
    const gone = failing("ERR_DEVICE_GONE", /mover no longer answers/);
    expect(device.region(regionIndex.config).read32(8)).toBe(0xffff_ffff);
    expect(() => bar.read32(register.STATUS)).toThrow(gone);
    expect(() => device.region(2).read8(0)).toThrow(gone);
    expect(() => bar.write32(register.START, 1)).not.toThrow();
    expect(() => device.resetSync()).toThrow(gone);
    await expect(device.reset()).rejects.toThrow(gone);
    expect(() => backend.function().replug()).toThrow(failing("ERR_BUSY", /still open/));
    device.closeSync();
    expect(() => backend.openSync("mover")).toThrow(failing("ERR_NO_DEVICE"));
    backend.function().replug();
    expect(start(backend.openSync("mover")).read32(register.STATUS)).toBe(0);
  });
});

describe("in one domain", () => {
  const two = () => emulated({ "0000:01:00.0": mover(), "0000:02:00.0": mover() });

  it("several devices reach the same memory, also one that joins later, and what they write is noted", () => {
    using backend = two();
    const domain = backend.createDomain({ dirtyTracking: true });
    const first = start(backend.openSync("0000:01:00.0", { domain }));
    using memory = backend.memory.alloc(8192);
    const { iova } = domain.mapSync(memory);
    const second = start(backend.openSync("0000:02:00.0", { domain }));
    new Uint8Array(memory.buffer).fill(9, 0, 16);
    domain.dirty!.start();
    expect(move(first, iova, iova + 4096n).status).toBe(0);
    expect([...domain.dirty!.take(iova, 8192)]).toEqual([0b10]);
    expect(move(second, iova + 4096n, iova + 64n).status).toBe(0);
    expect([...domain.dirty!.take(iova, 8192)]).toEqual([0b01]);
    expect(new Uint8Array(memory.buffer)[64 + 15]).toBe(9);
    backend.closeSync();
    expect(domain.closed).toBe(true);
  });

  it("memory that one of them does not get, none does", () => {
    using backend = emulated(
      { "0000:01:00.0": mover(), "0000:02:00.0": mover() },
      { script: [{ at: { map: 1 }, fault: "noPins", address: "0000:02:00.0" }] },
    );
    const domain = backend.createDomain();
    const first = start(backend.openSync("0000:01:00.0", { domain }));
    const second = backend.openSync("0000:02:00.0", { domain });
    using memory = backend.memory.alloc(4096);
    const iova = 0x10000n as never;
    expect(() => domain.mapSync(memory, { iova })).toThrow(failing("ERR_MEMLOCK"));
    expect(move(first, iova, iova).status).toBe(status.FAILED);
    using _mapping = domain.mapSync(memory, { iova });
    expect(move(first, iova, iova).status).toBe(0);
    expect(move(start(second), iova, iova).status).toBe(0);
  });

  it("a device that is closed reaches nothing, and finds the mappings when it is opened again", () => {
    using backend = two();
    const domain = backend.createDomain();
    using memory = backend.memory.alloc(4096);
    const device = backend.openSync("0000:01:00.0", { domain });
    using mapping = domain.mapSync(memory);
    const { iova } = mapping;
    device.closeSync();
    expect(move(start(backend.openSync("0000:01:00.0", { domain })), iova, iova).status).toBe(0);
  });
});

describe("a machine", () => {
  it("has functions on one bus behind one port, which are one backend's in one domain", async () => {
    const model = mover({ busReset: true });
    using machine = new EmulatedMachine({
      "0000:03:00.0": model,
      "0000:03:00.1": model,
      "0000:04:00.0": model,
    });
    await using backend = emulated(machine);
    await using other = emulated(machine);
    const device = await backend.open("0000:03:00.0");
    expect(device.hotResetInfo()).toEqual([
      { group: 0, address: "0000:03:00.0" },
      { group: 0, address: "0000:03:00.1" },
    ]);
    expect(() => backend.openSync("0000:03:00.1")).toThrow(failing("ERR_GROUP_BUSY", /another domain/));
    expect(() => other.openSync("0000:03:00.1")).toThrow(failing("ERR_GROUP_BUSY", /another backend/));
    other.openSync("0000:04:00.0").closeSync();
    await device.close();
    other.openSync("03:00.1").closeSync();
  });

  it("has functions that are reset by their bus only, which can be reset alone if they are", () => {
    const { capabilities: _none, ...config } = mover().config;
    const model = mover({ busReset: true, config });
    using backend = emulated({ "0000:03:00.0": model, "0000:03:00.1": model, "0000:04:00.0": model });
    const shared = backend.openSync("0000:03:00.0");
    expect(() => shared.resetSync()).toThrow(
      failing("ERR_NO_RESET", /no reset method/, /device\.features\.has\("hot-reset"\)/),
    );
    expect(() => shared.hotResetSync()).not.toThrow();
    const alone = backend.openSync("0000:04:00.0", { requireReset: true });
    expect(() => alone.resetSync()).not.toThrow();
    expect([shared.info.resettable, alone.info.resettable]).toEqual([false, true]);
  });

  it("is not closed under devices of other backends", async () => {
    await using backend = emulated(mover());
    await using other = emulated(mover());
    const { domain } = await backend.open("mover");
    const guest = await other.open("mover", { domain });
    expect(() => backend.closeSync()).toThrow(failing("ERR_DOMAIN_IN_USE", /1 device/));
    await expect(backend.close()).rejects.toThrow(failing("ERR_DOMAIN_IN_USE"));
    await guest.close();
    await backend.close();
    expect(domain.closed).toBe(true);
  });

  it.each([
    ["no model", 5, /models must be an object/],
    ["nothing", {}, /no model to emulate/],
    ["something that is none", { "0000:01:00.0": {} }, /model of "0000:01:00.0" has no create/],
    ["a model that makes nothing", { ...mover(), create: undefined }, /the model has no create/],
    ["a model without a name", mover({ name: "" }), /address of a model is empty/],
  ])("of %s is refused", (_what, models, message) => {
    expect(() => emulated(models as never)).toThrow(failing("ERR_INVALID_ARGUMENT", message));
  });

  it("of several functions wants to know which", () => {
    using backend = emulated({ a: mover(), b: mover() });
    expect(() => backend.function()).toThrow(failing("ERR_INVALID_ARGUMENT", /2 functions/));
    expect(() => backend.function("c")).toThrow(failing("ERR_NO_DEVICE", /"c"/));
    expect(backend.function("b").address).toBe("b");
  });
});

describe("timers that a driver's test fakes", () => {
  afterEach(() => void vi.useRealTimers());

  it("do not stop devices", async () => {
    vi.useFakeTimers();
    await using backend = emulated(mover());
    const device = await backend.open("mover");
    await device.reset();
    using target = device.createIrqTarget();
    device.setIrqs("msi", 0, [target]);
    const arrived = new Promise<number>((resolve) => target.listen(resolve));
    start(device).write32(register.START, 1);
    expect(await arrived).toBe(1);
    await device.close();
  });
});

it("lets a microsecond pass with an access by call, and two with a mapped one", () => {
  let now = (): number => 0;
  const { create } = recorder([]);
  using backend = emulated({
    ...recorder([]),
    create(given) {
      now = () => given.time.now();
      return create(given);
    },
  });
  const device = backend.openSync("recorder");
  device.region(regionIndex.config).write16(4, 2);
  const bar = device.mapRegion(1);
  const passing = (access: () => unknown): number => {
    const before = now();
    access();
    return now() - before;
  };
  expect([passing(() => device.region(1).read32(0)), passing(() => bar.read32(0))]).toEqual([1, 2]);
});
