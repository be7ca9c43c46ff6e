import { failing } from "@userpci/interface/testing";
import { createDomain } from "@userpci/iommu";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Dma } from "./dma.ts";
import { adoptPool, DmaPool, type DmaPoolOptions, type SharedPool } from "./pool.ts";
import { TestMapper } from "./testing/mapper.ts";
import { TestSource } from "./testing/memory.ts";
import { mapSharedMemory, ShareableSource } from "./testing/shareable.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

function opened(memory = new TestSource(), mapper = new TestMapper()) {
  const domain = createDomain();
  domain.attach(mapper, "0000:01:00.0");
  return { mapper, domain, memory, dma: new Dma({ domain, memory }) };
}
const made = (options: Partial<DmaPoolOptions> = {}) =>
  opened().dma.poolSync({ elementSize: 256, count: 8, label: "rx", ...options });

describe.each(["pool", "poolSync"] as const)("%s", (make) => {
  it("gives elements that the device sees where they say", async () => {
    const { dma, mapper } = opened();
    const pool = await dma[make]({ elementSize: 1536, count: 5, direction: "from-device" });
    for (let i = 0; i < pool.count; i++) {
      const index = pool.get();
      pool.bytes[pool.offset(index)] = i + 1;
      const { slices } = mapper.translate(pool.iova(index), 1536, "from-device");
      expect([slices.length, slices[0]?.[0], pool.element(index)[0]]).toEqual([1, i + 1, i + 1]);
      expect((BigInt(pool.iovaHi(index)) << 32n) | BigInt(pool.iovaLo(index))).toBe(pool.iova(index));
      expect(pool.element(index)).toHaveLength(1536);
      expect(pool.element(index)).toBe(pool.element(index));
    }
    expect([dma.buffers().length, dma.pinnedBytes]).toEqual([1, 3 * 4096]);
    await pool.close();
    expect([dma.buffers().length, pool.closed]).toEqual([0, true]);
  });

  it("refuses what makes no pool, and keeps nothing", async () => {
    const { dma, memory } = opened();
    for (const [options, code, message] of [
      [undefined, "ERR_INVALID_ARGUMENT", /options must be an object/],
      [{ elementSize: 0, count: 1 }, "ERR_OUT_OF_RANGE", /elementSize is 0/],
      [{ elementSize: 64, count: 1, zero: 1 }, "ERR_INVALID_ARGUMENT", /zero must be a boolean/],
      [{ elementSize: 64, count: 1, addressBits: 99 }, "ERR_OUT_OF_RANGE", /addressBits is 99/],
    ] as const) {
      await expect((async () => dma[make](options as never))()).rejects.toEqual(failing(code, message));
    }
    expect([memory.open.length, dma.buffers().length]).toEqual([0, 0]);
  });
});

describe("a pool", () => {
  it("hands out each element once, whatever is taken and put back", () => {
    const options = fc.record({
      elementSize: fc.integer({ min: 1, max: 5000 }),
      count: fc.integer({ min: 1, max: 70 }),
    });
    fc.assert(
      fc.property(options, fc.array(fc.integer({ min: -2, max: 69 }), { maxLength: 200 }), (asked, steps) => {
        const pool = opened().dma.poolSync(asked);
        const taken = new Set<number>();
        for (const step of steps) {
          if (step < 0) {
            const before = taken.size;
            taken.add(pool.tryGet());
            expect(taken.size).toBe(before + 1);
            expect(taken.delete(-1)).toBe(before === asked.count);
          } else if (taken.delete(step)) pool.put(step);
          expect(pool.inUse).toBe(taken.size);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("says what is wrong with what is put back", () => {
    const pool = made();
    const index = pool.get();
    pool.put(index);
    const code = "ERR_INVALID_ARGUMENT";
    expect(() => pool.put(index)).toThrow(
      failing(code, /element 0 of DMA pool "rx" is put back, but not in use/),
    );
    expect(() => pool.put(8)).toThrow(failing("ERR_OUT_OF_RANGE", /index is 8, outside 0 to 7/));
    expect(() => pool.put(-1)).toThrow(failing("ERR_OUT_OF_RANGE", /index is -1/));
    expect(() => pool.put(undefined as never)).toThrow(failing(code, /index must be an integer/));
    expect(() => pool.iovaLo(8)).toThrow(failing("ERR_OUT_OF_RANGE", /index is 8/));
    expect(() => pool.element(0.5)).toThrow(failing(code, /index must be an integer, not 0.5/));
  });

  it("counts what is in use and the most that was, and says when that is all", () => {
    const pool = made();
    const taken = Array.from({ length: 8 }, () => pool.get());
    expect([pool.inUse, pool.highWater, pool.tryGet()]).toEqual([8, 8, -1]);
    expect(() => pool.get()).toThrow(failing("ERR_POOL_EMPTY", /all 8 elements of DMA pool "rx" are in use/));
    for (const index of taken) pool.put(index);
    expect([pool.inUse, pool.highWater]).toEqual([0, 8]);
  });

  it("gives zeros whatever was there, also what a device wrote after it was put back, unless that is not wanted", () => {
    const pool = made({ count: 1 });
    const index = pool.get();
    pool.element(index).fill(7);
    pool.put(index);
    pool.element(index).fill(8);
    expect(new Set(pool.element(pool.get()))).toEqual(new Set([0]));
    const raw = made({ count: 1, zero: false });
    raw.element(raw.get()).fill(7);
    raw.put(0);
    expect(new Set(raw.element(raw.get()))).toEqual(new Set([7]));
  });

  it("zeroes one element alone", () => {
    const pool = made({ elementSize: 100, alignment: 1, boundary: 0 });
    pool.bytes.fill(9);
    const start = pool.offset(pool.get());
    const { bytes } = pool;
    expect(bytes.filter((byte) => byte === 0).length).toBe(100);
    expect(bytes.subarray(start, start + 100).every((byte) => byte === 0)).toBe(true);
  });

  it("lies where the device reaches, aligned as its elements are to be", () => {
    const { domain, memory } = opened();
    const dma = new Dma({ domain, memory, addressBits: 28 });
    const pool = dma.poolSync({ elementSize: 0x9000, count: 3, boundary: 0x10000 });
    for (let i = 0; i < 3; i++) {
      const first = pool.iova(i);
      expect(first >> 16n).toBe((first + 0x8fffn) >> 16n);
      expect(first >> 28n).toBe(0n);
    }
  });

  it("has addresses on both sides of 4 GiB", () => {
    const around = [{ start: 0xffff_f000n, last: 0x1_0000_0fffn }];
    const { dma, mapper } = opened(new TestSource(), new TestMapper({ ranges: around }));
    const pool = dma.poolSync({ elementSize: 4096, count: 2 });
    expect([pool.iova(0), pool.iova(1)]).toEqual([0xffff_f000n, 0x1_0000_0000n]);
    expect([pool.iovaLo(0), pool.iovaHi(0), pool.iovaLo(1), pool.iovaHi(1)]).toEqual([0xffff_f000, 0, 0, 1]);
    expect(mapper.translate(pool.iova(1), 1, "to-device").slices.length).toBe(1);
    const words = new Uint32Array(5);
    pool.writeIova(0, words, 1);
    pool.writeIova(1, words, 3);
    expect([...words]).toEqual([0, 0xffff_f000, 0, 0, 1]);
    expect(() => pool.writeIova(1, words, 4)).toThrow(failing("ERR_OUT_OF_RANGE", /at is 4, outside 0 to 3/));
  });

  it.each(["close", "closeSync"] as const)("is of no use after %s, its device's too", async (close) => {
    for (const owner of ["pool", "dma"] as const) {
      const { dma } = opened();
      const pool = dma.poolSync({ elementSize: 64, count: 4 });
      const index = pool.get();
      const { bytes } = pool;
      await { pool, dma }[owner][close]();
      const closed = failing("ERR_CLOSED", /a DMA pool without label is closed/, /device\.dma\.pool/);
      for (const use of [
        () => pool.get(),
        () => pool.tryGet(),
        () => pool.put(index),
        () => pool.bytes,
        () => pool.u32,
        () => pool.iova(0),
        () => pool.iovaLo(0),
        () => pool.writeIova(0, new Uint32Array(2), 0),
        () => pool.element(0),
        () => pool.share(),
      ]) {
        expect(use).toThrow(closed);
      }
      expect([bytes.length, pool.closed, pool.inUse]).toEqual([0, true, 1]);
      await pool[close]();
    }
  });

  it("keeps its memory when it cannot be unmapped, and closes later", async () => {
    const { dma, mapper } = opened();
    const pool = dma.poolSync({ elementSize: 64, count: 4 });
    mapper.unmapError = new Error("busy");
    expect(() => pool.closeSync()).toThrow(failing("ERR_BUSY", /could not be unmapped/));
    expect([pool.closed, dma.buffers().length]).toEqual([false, 1]);
    mapper.unmapError = undefined;
    await pool.close();
    expect([pool.closed, dma.buffers().length]).toEqual([true, 0]);
  });
});

describe("a shared pool", () => {
  const shared = () => {
    const { dma } = opened(new ShareableSource());
    const pool = dma.poolSync({ elementSize: 64, count: 4, label: "tx" });
    return { dma, pool, other: adoptPool(pool.share(), mapSharedMemory) };
  };

  it("has one set of elements and one count, at the same addresses", () => {
    const { pool, other } = shared();
    const taken = [pool.get(), other.get(), pool.get(), other.get()];
    expect(new Set(taken).size).toBe(4);
    expect([pool.tryGet(), other.tryGet(), pool.inUse, other.highWater]).toEqual([-1, -1, 4, 4]);
    pool.put(taken[1]!);
    expect(() => other.put(taken[1]!)).toThrow(failing("ERR_INVALID_ARGUMENT", /not in use/));
    expect(other.get()).toBe(taken[1]);
    expect([other.iova(3), other.label, other.elementSize]).toEqual([pool.iova(3), "tx", 64]);
  });

  it("is closed for one thread alone by whoever adopted it", () => {
    const { pool, other } = shared();
    const { bytes } = other;
    other.closeSync();
    other.closeSync();
    expect([other.closed, bytes.length]).toEqual([true, 0]);
    expect(() => other.get()).toThrow(failing("ERR_CLOSED", /"tx" is closed/));
    expect(pool.get()).toBe(0);
  });

  it("is gone for all once its own thread closes it, and their memory a little later", async () => {
    const { dma, other } = shared();
    const { bytes } = other;
    await dma.close();
    expect(() => other.get()).toThrow(failing("ERR_CLOSED", /"tx" is closed/));
    expect([other.closed, bytes.length]).toEqual([false, 4096]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect([other.closed, bytes.length]).toEqual([true, 0]);
  });

  it("is found gone by a thread that finds it empty, when its own has ended without a word", () => {
    const memory = new ShareableSource();
    const pool = opened(memory).dma.poolSync({ elementSize: 64, count: 1 });
    const other = adoptPool(pool.share(), mapSharedMemory);
    other.get();
    memory.open[0]!.closed = true;
    expect(() => other.tryGet()).toThrow(failing("ERR_CLOSED", /is closed/));
  });

  it("cannot be handed on, nor adopted where it is none or gone", () => {
    const { pool, other } = shared();
    expect(() => other.share()).toThrow(failing("ERR_NOT_SUPPORTED", /adopted cannot be handed on/));
    const offer = pool.share() as SharedPool & { buffer: object };
    const invalid = (message: RegExp) => failing("ERR_INVALID_ARGUMENT", message);
    expect(() => adoptPool(undefined as never, mapSharedMemory)).toThrow(invalid(/shared must be an object/));
    expect(() => adoptPool({ ...offer, type: "DMA ring" } as never, mapSharedMemory)).toThrow(
      invalid(/not a shared DMA pool/),
    );
    expect(() => adoptPool(offer, undefined as never)).toThrow(invalid(/mapSharedMemory must be a function/));
    const larger = { ...offer, buffer: { ...offer.buffer, size: 8192 } };
    expect(() => adoptPool(larger, mapSharedMemory)).toThrow(invalid(/smaller than what is in it/));
    pool.closeSync();
    expect(() => adoptPool(offer, mapSharedMemory)).toThrow(
      failing("ERR_CLOSED", /closed by the thread that made it/, /while it is open in the thread/),
    );
  });

  it("needs memory that can leave its thread", () => {
    expect(() => made().share()).toThrow(
      failing("ERR_NOT_SUPPORTED", /"rx" is of memory that only its own thread sees/),
    );
  });
});

describe("where there is no SharedArrayBuffer, as in a page that is not isolated", () => {
  it.each(["pool", "ring"] as const)("a %s works, in its own thread alone", async (kind) => {
    vi.stubGlobal("SharedArrayBuffer", undefined);
    const { dma, memory } = opened(new ShareableSource());
    const elements = await dma[kind]({ elementSize: 64, count: 4 });
    if (elements instanceof DmaPool) elements.put(elements.get());
    else elements.produce();
    expect(() => elements.share()).toThrow(
      failing("ERR_NOT_SUPPORTED", /cannot leave its thread/, /isolated/),
    );
    elements.closeSync();
    expect([dma.buffers(), memory.open]).toEqual([[], []]);
    expect(() => adoptPool({ type: "DMA pool" }, mapSharedMemory)).toThrow(
      failing("ERR_INVALID_ARGUMENT", /not a shared/),
    );
  });
});
