import { type DmaMemory, PciError, toIova } from "@userpci/interface";
import {
  changing,
  failing,
  HostileError,
  oddValues,
  unreadable,
  wrongAnswers,
  wrongError,
} from "@userpci/interface/testing";
import { createDomain } from "@userpci/iommu";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Dma } from "./dma.ts";
import { mappedRanges, scatter } from "./scatter.ts";
import { ScatterList } from "./scatter-list.ts";
import { TestMapper } from "./testing/mapper.ts";
import { TestMemory, TestSource } from "./testing/memory.ts";

const K = 4096;

function opened() {
  const mapper = new TestMapper();
  const domain = createDomain();
  const attachment = domain.attach(mapper, "0000:01:00.0");
  const source = new TestSource();
  return { mapper, domain, attachment, source, dma: new Dma({ domain, memory: source }) };
}

/** What a failed call must leave as it was. */
function leftovers({ mapper, domain, source, dma }: ReturnType<typeof opened>) {
  return {
    mapped: mapper.size,
    placed: domain.mappedBytes,
    counted: domain.closed ? 0 : domain.budget.used,
    allocated: source.open.length,
    users: source.given.reduce((sum, memory) => sum + memory.users, 0),
    pinned: dma.pinnedBytes,
    buffers: dma.buffers().length,
  };
}
const nothing = { mapped: 0, placed: 0, counted: 0, allocated: 0, users: 0, pinned: 0, buffers: 0 };

afterEach(() => vi.unstubAllGlobals());

describe("what is no number", () => {
  it("is refused as the index of an element, and as a place for its address", () => {
    const { dma } = opened();
    const pool = dma.poolSync({ elementSize: 64, count: 8 });
    const index = pool.get();
    const words = new Uint32Array(4);
    const wrong = wrongAnswers({
      offset: (odd) => pool.offset(odd),
      put: (odd) => pool.put(odd),
      element: (odd) => pool.element(odd),
      iova: (odd) => pool.iova(odd),
      iovaLo: (odd) => pool.iovaLo(odd),
      iovaHi: (odd) => pool.iovaHi(odd),
      writeIova: (odd) => pool.writeIova(odd, words, 0),
      at: (odd) => pool.writeIova(index, words, odd),
      words: (odd) => pool.writeIova(index, odd, 0),
    });
    expect([wrong, pool.inUse, pool.highWater, [...words]]).toEqual([[], 1, 1, [0, 0, 0, 0]]);
  });

  it.each([
    ["null", null],
    ["bytes", new Uint8Array(8)],
    ["signed words", new Int32Array(8)],
    ["bigints", new BigUint64Array(8)],
    ["floats", new Float64Array(8)],
    ["a DataView", new DataView(new ArrayBuffer(32))],
    ["an array", [0, 0, 0, 0]],
  ])("is refused as words for an address: %s", (_what, words) => {
    const pool = opened().dma.poolSync({ elementSize: 64, count: 8 });
    const before = words === null ? null : structuredClone(words);
    expect(() => pool.writeIova(0, words as never, 0)).toThrow(
      failing("ERR_INVALID_ARGUMENT", /words must be a Uint32Array, not /),
    );
    expect(words).toEqual(before);
  });

  it("is refused as a number of slots, or as one of them", () => {
    const ring = opened().dma.ringSync({ elementSize: 16, count: 8 });
    ring.produce(3);
    const wrong = wrongAnswers({
      produce: (odd) => ring.produce(odd),
      consume: (odd) => ring.consume(odd),
      pass: (odd) => ring.pass(odd),
      produceTo: (odd) => ring.produceTo(odd),
      consumeTo: (odd) => ring.consumeTo(odd),
      slot: (odd) => ring.slot(odd),
      offset: (odd) => ring.offset(odd),
    });
    expect([wrong, ring.produced, ring.consumed]).toEqual([[], 3, 0]);
  });

  it("is refused by a scatter list, which keeps what it has", () => {
    const { dma } = opened();
    const pool = dma.poolSync({ elementSize: 64, count: 8 });
    const list = new ScatterList(8);
    list.addAt(0x1000, 0, 64);
    const before = list.toArray();
    const iova = toIova(0x2000);
    const whole = { iova, size: 64 };
    const wrong = wrongAnswers({
      source: (odd) => list.add(odd),
      "its size": (odd) => list.add({ iova, size: odd }, 0, 16),
      "its iovaLo": (odd) => list.add({ ...whole, iovaLo: odd, iovaHi: 0 }),
      "its iovaHi": (odd) => list.add({ ...whole, iovaLo: 0, iovaHi: odd }),
      offset: (odd) => list.add(whole, odd),
      elements: (odd) => list.addElement(odd, 0),
      index: (odd) => list.addElement(pool, odd),
      "offset into an element": (odd) => list.addElement(pool, 0, odd),
      lo: (odd) => list.addAt(odd, 0, 16),
      hi: (odd) => list.addAt(0, odd, 16),
      bytes: (odd) => list.addAt(0, 0, odd),
      list: (odd) => new ScatterList(odd),
      "one array": (odd) => new ScatterList({ lo: odd, hi: odd, length: odd }),
      scatter: (odd) => (Array.isArray(odd) && odd !== unreadable ? scatter([odd as never]) : scatter(odd)),
    });
    const sized = oddValues.filter((value) => value !== null);
    const alsoWrong = wrongAnswers(
      {
        size: (odd) => list.add(whole, 0, odd),
        "size of a part": (odd) => list.addElement(pool, 0, 0, odd),
        "scattered size": (odd) => scatter([{ source: whole, size: odd }]),
        "scattered offset": (odd) => scatter([{ source: whole, offset: odd }]),
      },
      sized,
    );
    expect([wrong, alsoWrong, list.toArray(), list.bytes]).toEqual([[], [], before, 64]);
  });

  it.each([5, -1n, 2n ** 64n, "0x1000", undefined])("%s is no address of a source", (iova) => {
    const list = new ScatterList(2);
    expect(() => list.add({ iova: iova as never, size: 64 })).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_(INVALID_ARGUMENT|OUT_OF_RANGE)$/) }),
    );
    expect(list.count).toBe(0);
  });

  it("is refused where mapped memory is looked for, and in lists with holes", () => {
    const { domain, mapper } = opened();
    const memory = new TestMemory(K);
    domain.mapSync(memory);
    const wrong = wrongAnswers({
      domain: (odd) => mappedRanges(odd, memory),
      memory: (odd) => mappedRanges(domain, odd),
      offset: (odd) => mappedRanges(domain, memory, odd),
      "size of memory": (odd) => mappedRanges(domain, { ...memory, size: odd } as never, 0, 16),
    });
    expect([wrong, mapper.size]).toEqual([[], 1]);
    // biome-ignore lint/suspicious/noSparseArray: that is what is tried
    expect(() => scatter([, { source: { iova: toIova(0), size: 1 } }] as never)).toThrow(
      failing("ERR_INVALID_ARGUMENT", /ranges\[0\] must be an object, not undefined/),
    );
  });
});

describe("a scatter list over arrays of a caller's", () => {
  it("needs three of them", () => {
    const one = new Uint32Array(4);
    expect(() => new ScatterList({ lo: one, hi: one, length: new Uint32Array(4) })).toThrow(
      failing("ERR_INVALID_ARGUMENT", /three Uint32Arrays/),
    );
  });

  it.each(["lo", "hi", "length"] as const)("says when those are gone: %s", (gone) => {
    const arrays = { lo: new Uint32Array(4), hi: new Uint32Array(4), length: new Uint32Array(4) };
    const list = new ScatterList(arrays);
    list.addAt(0, 0, 16);
    structuredClone(arrays[gone].buffer, { transfer: [arrays[gone].buffer] });
    const told = failing("ERR_CLOSED", /arrays of a list of 4 segments are no longer there/);
    expect(() => list.addAt(16, 0, 16)).toThrow(told);
    expect(() => list.add({ iova: toIova(0), size: 16 })).toThrow(told);
    expect(() => list.toArray()).toThrow(told);
    expect([list.count, list.bytes, list.capacity]).toEqual([1, 16, 4]);
  });
});

/** Every option that some call takes. */
const optionNames = [
  "direction",
  "label",
  "owner",
  "pageSize",
  "fallback",
  "addressBits",
  "iova",
  "alignment",
  "offset",
  "size",
  "join",
  "exposeNeighbours",
  "readOnly",
  "elementSize",
  "count",
  "boundary",
  "zero",
  "capacity",
];
const optionValues = [undefined, 0, -0, -1, 1, 3, 4096, 2 ** 40, ...oddValues];
const options = fc.dictionary(fc.constantFrom(...optionNames), fc.constantFrom(...optionValues), {
  minKeys: 2,
  maxKeys: 3,
});
const throwing = (name: string): object =>
  Object.defineProperty({}, name, {
    get() {
      throw new HostileError();
    },
    enumerable: true,
  });

describe.each(["", "Sync"] as const)("alloc%s, map, pool and ring with odd options", (sync) => {
  const calls = {
    alloc: (bed: ReturnType<typeof opened>, options: object) => bed.dma[`alloc${sync}`](K, options),
    map: (bed: ReturnType<typeof opened>, options: object) =>
      bed.dma[`map${sync}`](bed.source.alloc(K), options),
    pool: (bed: ReturnType<typeof opened>, options: object) =>
      bed.dma[`pool${sync}`]({ elementSize: 64, count: 4, ...options }),
    ring: (bed: ReturnType<typeof opened>, options: object) =>
      bed.dma[`ring${sync}`]({ elementSize: 64, count: 4, ...options }),
  };

  async function attempt(call: (typeof calls)[keyof typeof calls], odd: object): Promise<void> {
    const bed = opened();
    try {
      const made = await call(bed, odd);
      made.closeSync();
    } catch (error) {
      expect(wrongError(error)).toBeUndefined();
    }
    for (const memory of bed.source.open) if (memory.users === 0) memory.close();
    expect(leftovers(bed)).toEqual(nothing);
  }

  it("either work, or fail with an error that helps and with nothing left", async () => {
    for (const call of Object.values(calls)) {
      for (const name of optionNames) {
        for (const value of optionValues) await attempt(call, { [name]: value });
      }
    }
  });

  it("do so for several odd options at once", async () => {
    const call = fc.constantFrom(...Object.values(calls));
    await fc.assert(fc.asyncProperty(call, options, attempt));
  });

  it("leave nothing when a property throws", async () => {
    for (const call of Object.values(calls)) {
      for (const name of optionNames) {
        const bed = opened();
        await (async () => call(bed, throwing(name)))().then(
          (made) => made.closeSync(),
          (error) => expect(error).toBeInstanceOf(HostileError),
        );
        for (const memory of bed.source.open) memory.close();
        expect(leftovers(bed)).toEqual(nothing);
      }
    }
  });

  it.each(["dma", "domain"] as const)("leave nothing when a property closes the %s", async (closed) => {
    for (const call of [calls.alloc, calls.map]) {
      for (const name of optionNames) {
        const bed = opened();
        bed.attachment.detach();
        let looked = false;
        const closing = Object.defineProperty({}, name, {
          get() {
            looked = true;
            bed[closed].closeSync();
          },
          enumerable: true,
        });
        const error = await (async () => call(bed, closing))().then(
          (made) => made.closeSync(),
          (reason: unknown) => reason,
        );
        if (looked) expect(error).toEqual(failing("ERR_CLOSED"));
        for (const memory of bed.source.open) memory.close();
        expect(leftovers(bed)).toEqual(nothing);
      }
    }
  });
});

describe("memory of somebody else's making", () => {
  const bad: [string, object, string, RegExp][] = [
    ["a lead that is none", { lead: Number.NaN }, "ERR_INVALID_ARGUMENT", /lead of the memory/],
    ["a lead below 0", { lead: -1 }, "ERR_OUT_OF_RANGE", /lead of the memory is -1/],
    ["a lead at its end", { lead: 2 * K }, "ERR_OUT_OF_RANGE", /lead of the memory is 8192/],
    ["a lead that is a bigint", { lead: 16n }, "ERR_INVALID_ARGUMENT", /not 16n/],
    ["a length that is none", { length: Number.NaN }, "ERR_INVALID_ARGUMENT", /length of the memory/],
    ["no length", { length: 0 }, "ERR_OUT_OF_RANGE", /length of the memory is 0/],
    [
      "a length past its end",
      { lead: 16, length: 2 * K },
      "ERR_OUT_OF_RANGE",
      /length of the memory is 8192/,
    ],
    ["a start that is none", { byteOffset: 0.5 }, "ERR_NOT_SUPPORTED", /reaches bytes/],
    ["no buffer", { buffer: undefined }, "ERR_INVALID_ARGUMENT", /buffer of the memory/],
    ["a buffer that is too small", { buffer: new ArrayBuffer(K) }, "ERR_NOT_SUPPORTED", /reaches bytes/],
    ["a size that is none", { size: Number.NaN }, "ERR_INVALID_ARGUMENT", /must be DMA memory/],
  ];

  it.each(bad)("is refused with %s, and not left mapped", async (_what, odd, code, message) => {
    for (const map of ["map", "mapSync"] as const) {
      const bed = opened();
      const memory = Object.defineProperties(new TestMemory(2 * K), Object.getOwnPropertyDescriptors(odd));
      await expect((async () => bed.dma[map](memory))()).rejects.toEqual(failing(code, message));
      expect([leftovers(bed), memory.users]).toEqual([nothing, 0]);
    }
  });

  it("is refused where the part that is mapped has none of the caller's bytes", () => {
    const bed = opened();
    const memory = Object.assign(new TestMemory(2 * K), { lead: 16, length: 100 });
    expect(() => bed.dma.mapSync(memory, { offset: K })).toThrow(
      failing("ERR_OUT_OF_RANGE", /bytes 4096 to 8191 are not the caller's/),
    );
    expect([leftovers(bed), memory.users]).toEqual([nothing, 0]);
  });

  it("stays with the domain if it cannot be unmapped again", () => {
    const bed = opened();
    bed.mapper.unmapError = new PciError("EIO", "stuck");
    const memory = Object.assign(new TestMemory(K), { lead: Number.NaN });
    expect(() => bed.dma.mapSync(memory)).toThrow(failing("ERR_BUSY", /no buffer, and stays mapped/));
    expect([...bed.domain.mappings()].map((mapping) => mapping.memory)).toEqual([memory]);
  });

  it("is counted once that closes its buffer while it is closed", () => {
    const bed = opened();
    const other = bed.dma.allocSync(K);
    const memory = new TestMemory(K);
    const buffer = bed.dma.mapSync(memory);
    memory.release = () => {
      memory.users--;
      buffer.closeSync();
    };
    buffer.closeSync();
    expect([buffer.closed, bed.dma.pinnedBytes, bed.dma.buffers()]).toEqual([true, K, [other]]);
  });

  it("leaves nothing when it cannot be retained", async () => {
    for (const map of ["map", "mapSync"] as const) {
      const bed = opened();
      const memory: DmaMemory = Object.assign(new TestMemory(K), {
        retain(): void {
          throw new PciError("ERR_CLOSED", "closed meanwhile");
        },
      });
      await expect((async () => bed.dma[map](memory))()).rejects.toEqual(failing("ERR_CLOSED"));
      expect(leftovers(bed)).toEqual(nothing);
    }
  });
});

describe("a device that is none", () => {
  it("is refused before memory is allocated that it could not map", () => {
    const { domain, source } = opened();
    const lame = new Dma({ domain: {}, memory: source } as never);
    const told = failing("ERR_INVALID_ARGUMENT", /device.domain has no map\(\)/);
    for (const call of [() => lame.allocSync(K), () => lame.mapSync(new TestMemory(K))]) {
      expect(call).toThrow(told);
    }
    const poor = new Dma({ domain, memory: {} } as never);
    expect(() => poor.allocSync(K)).toThrow(
      failing("ERR_INVALID_ARGUMENT", /device.memory has no alloc\(\)/),
    );
    expect(source.given).toEqual([]);
    expect(new Dma({ domain, memory: source, ...changing("addressBits", 32, "x") }).addressBits).toBe(32);
  });
});
