import { toIova } from "@userpci/interface";
import { failing } from "@userpci/interface/testing";
import { createDomain, MemoryMapper } from "@userpci/iommu";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Dma } from "./dma.ts";
import { mappedRanges, scatter } from "./scatter.ts";
import { ScatterList } from "./scatter-list.ts";
import type { DmaRange, DmaSegment, SegmentLimits } from "./segments.ts";
import { TestMemory, TestSource } from "./testing/memory.ts";

const K = 4096;
const at = (iova: bigint | number, size: number) => ({ iova: toIova(iova), size });

/** Ranges of few neighbouring addresses, so that some are adjacent, some of them around 2^32 or at the end of all. */
const ranges: fc.Arbitrary<DmaRange[]> = fc.array(
  fc
    .record({
      base: fc.constantFrom(0n, 2n ** 32n - 64n, 2n ** 63n, 2n ** 64n - 256n),
      start: fc.nat(100),
      offset: fc.nat(20),
      size: fc.integer({ min: 1, max: 100 }),
      rest: fc.nat(20),
    })
    .map(({ base, start, offset, size, rest }) => {
      return { source: at(base + BigInt(start), offset + size + rest), offset, size };
    }),
  { maxLength: 12 },
);
const limits: fc.Arbitrary<SegmentLimits> = fc.record(
  {
    maxSegmentSize: fc.oneof(fc.integer({ min: 1, max: 80 }), fc.constant(2 ** 32 - 1)),
    boundary: fc.oneof(
      fc.constant(0),
      fc.nat(7).map((bits) => 2 ** bits),
    ),
  },
  { requiredKeys: [] },
);

/** Every byte's address, in order. */
function* bytesOf(segments: Iterable<DmaSegment>): Generator<bigint> {
  for (const { iova, size } of segments) for (let i = 0; i < size; i++) yield iova + BigInt(i);
}
const partOf = ({ source, offset = 0, size = source.size - offset }: DmaRange): DmaSegment =>
  at(source.iova + BigInt(offset), size);

/** The least number of segments, by trying each byte: whether it may belong to the segment of the one before it. */
function fewest(
  addresses: readonly bigint[],
  { maxSegmentSize = 2 ** 32, boundary = 0 }: SegmentLimits,
): number {
  let count = 0;
  let length = 0;
  addresses.forEach((address, i) => {
    const isNext = i > 0 && address === addresses[i - 1]! + 1n;
    const crosses = boundary !== 0 && address % BigInt(boundary) === 0n;
    length = isNext && !crosses && length < maxSegmentSize ? length + 1 : 1;
    if (length === 1) count++;
  });
  return count;
}

describe("scattered bytes", () => {
  it("become segments that cover exactly them, in order, within the limits, and as few as can be", () => {
    fc.assert(
      fc.property(ranges, limits, (asked, limit) => {
        const segments = scatter(asked, limit);
        const wanted = [...bytesOf(asked.map(partOf))];
        expect([...bytesOf(segments)]).toEqual(wanted);
        const { maxSegmentSize = 2 ** 32, boundary } = limit;
        for (const { iova, size } of segments) {
          expect(size > 0 && size <= maxSegmentSize).toBe(true);
          if (!boundary) continue;
          expect(iova / BigInt(boundary)).toBe((iova + BigInt(size) - 1n) / BigInt(boundary));
        }
        expect(segments.length).toBe(fewest(wanted, limit));
      }),
    );
  });

  it("are written to the caller's arrays just the same, or not at all where they do not fit", () => {
    fc.assert(
      fc.property(ranges, limits, fc.integer({ min: 1, max: 40 }), (asked, limit, room) => {
        const arrays = {
          lo: new Uint32Array(room),
          hi: new Uint32Array(room),
          length: new Uint32Array(room),
        };
        const list = new ScatterList(arrays, limit);
        const added: DmaRange[] = [];
        for (const range of asked) {
          const before = list.toArray();
          try {
            list.add(range.source, range.offset, range.size);
            added.push(range);
          } catch (error) {
            expect(error).toEqual(failing("ERR_OUT_OF_RANGE", /do not fit into \d+ segments/));
            expect(list.toArray()).toEqual(before);
          }
        }
        expect(list.toArray()).toEqual(scatter(added, limit));
        expect(list.bytes).toBe(added.reduce((sum, range) => sum + partOf(range).size, 0));
        list.clear();
        expect([list.count, list.bytes, list.toArray()]).toEqual([0, 0, []]);
      }),
    );
  });

  it("are pages for the PRP entries of NVMe", () => {
    const list = new ScatterList(4, { boundary: K });
    expect(list.add(at(0x1_ffff_fe00n, 0x2300), 0x100, 0x2000)).toBe(3);
    expect([...list.hi.subarray(0, 3)]).toEqual([1, 2, 2]);
    expect([...list.lo.subarray(0, 3)]).toEqual([0xffff_ff00, 0, 0x1000]);
    expect([...list.length.subarray(0, 3)]).toEqual([0x100, 0x1000, 0xf00]);
  });

  it("are large, and split where a length of 32 bits would overflow", () => {
    const size = 10 * 2 ** 32;
    const segments = scatter([{ source: at(0x1000, size) }]);
    expect(segments.length).toBe(11);
    expect(segments.reduce((sum, each) => sum + each.size, 0)).toBe(size);
    expect(segments.every(({ iova }) => iova % 4096n === 0n)).toBe(true);
  });

  it.each<[string, () => unknown, string, RegExp]>([
    ["no list", () => scatter(null as never), "ERR_INVALID_ARGUMENT", /ranges must be an array, not null/],
    [
      "no range",
      () => scatter([null as never]),
      "ERR_INVALID_ARGUMENT",
      /ranges\[0\] must be an object, not null/,
    ],
    [
      "no source",
      () => scatter([{ source: null as never }]),
      "ERR_INVALID_ARGUMENT",
      /ranges\[0\]\.source must be an object/,
    ],
    [
      "no bytes",
      () => scatter([{ source: at(0, K), size: 0 }]),
      "ERR_OUT_OF_RANGE",
      /size is 0, outside 1 to 4096/,
    ],
    [
      "an offset at the end",
      () => scatter([{ source: at(0, K), offset: K }]),
      "ERR_OUT_OF_RANGE",
      /offset is 4096/,
    ],
    [
      "too many",
      () => scatter([{ source: at(0, K), offset: 1, size: K }]),
      "ERR_OUT_OF_RANGE",
      /size is 4096/,
    ],
    ["half a byte", () => new ScatterList(1).add(at(0, K), 0.5, 1), "ERR_INVALID_ARGUMENT", /offset must be/],
    [
      "nothing",
      () => new ScatterList(1).add(undefined as never, 0, 1),
      "ERR_INVALID_ARGUMENT",
      /source must be/,
    ],
    [
      "past all addresses",
      () => new ScatterList(1).addAt(1, 2 ** 32 - 1, 2 ** 32),
      "ERR_OUT_OF_RANGE",
      /pass the end/,
    ],
    ["no room", () => new ScatterList(0), "ERR_OUT_OF_RANGE", /number of segments is 0/],
    [
      "arrays of two lengths",
      () => new ScatterList({ lo: new Uint32Array(1), hi: new Uint32Array(2), length: new Uint32Array(1) }),
      "ERR_INVALID_ARGUMENT",
      /three Uint32Arrays of one length/,
    ],
    [
      "a boundary of 3",
      () => scatter([], { boundary: 3 }),
      "ERR_INVALID_ARGUMENT",
      /boundary is 3, not a power/,
    ],
    ["segments of 0", () => scatter([], { maxSegmentSize: 0 }), "ERR_OUT_OF_RANGE", /maxSegmentSize is 0/],
  ])("are refused: %s", (_what, call, code, message) => {
    expect(call).toThrow(failing(code, message));
  });

  it("may be a buffer's, until it is closed", () => {
    const domain = createDomain();
    domain.attach(new MemoryMapper(), "0000:01:00.0");
    const dma = new Dma({ domain, memory: new TestSource() });
    const buffer = dma.allocSync(2 * K);
    expect(scatter([{ source: buffer, offset: 16 }])).toEqual([at(buffer.iova + 16n, 2 * K - 16)]);
    buffer.closeSync();
    expect(() => scatter([{ source: buffer }])).toThrow(failing("ERR_CLOSED", /is closed/));
  });
});

describe("elements in a scatter list", () => {
  it("are added whole or in part, and joined where they follow each other", () => {
    const domain = createDomain();
    domain.attach(new MemoryMapper(), "0000:01:00.0");
    const pool = new Dma({ domain, memory: new TestSource() }).poolSync({ elementSize: 1024, count: 8 });
    const list = new ScatterList(4);
    expect([
      list.addElement(pool, 1),
      list.addElement(pool, 2, 0, 100),
      list.addElement(pool, 7, 1000),
    ]).toEqual([1, 1, 2]);
    expect(list.toArray()).toEqual([at(pool.iova(1), 1124), at(pool.iova(7) + 1000n, 24)]);
    expect(() => list.addElement(pool, 0, 1, 1024)).toThrow(
      failing("ERR_OUT_OF_RANGE", /size is 1024, outside 1 to 1023/),
    );
    expect(() => list.addElement(pool, 8)).toThrow(failing("ERR_OUT_OF_RANGE", /index is 8/));
    expect(list.count).toBe(2);
  });
});

describe("memory that is mapped in parts", () => {
  it("is found where it is mapped alone, beside parts that are joined", () => {
    const domain = createDomain();
    domain.attach(new MemoryMapper(), "0000:01:00.0");
    const memory = new TestMemory(4 * K);
    domain.mapSync(memory, { join: true, size: K, iova: toIova(0x10_0000) });
    expect(() => mappedRanges(domain, memory, 2 * K, K)).toThrow(
      failing("ERR_OUT_OF_RANGE", /byte 8192 of the memory's 16384 is not mapped/),
    );
    domain.mapSync(memory, { offset: 2 * K, size: K, iova: toIova(0x80_0000) });
    expect(scatter(mappedRanges(domain, memory, 2 * K, K))).toEqual([at(0x80_0000, K)]);
  });

  it("is found wherever devices see it", () => {
    const domain = createDomain();
    domain.attach(new MemoryMapper(), "0000:01:00.0");
    const memory = new TestMemory(4 * K);
    domain.mapSync(memory, { offset: 0, size: K, iova: toIova(0x10_0000) });
    domain.mapSync(memory, { offset: K, size: 2 * K, iova: toIova(0x10_1000) });
    expect(scatter(mappedRanges(domain, memory, 100, 2 * K))).toEqual([at(0x10_0064, 2 * K)]);
    domain.mapSync(memory, { offset: 3 * K, size: K, iova: toIova(0x8_0000) });
    expect(scatter(mappedRanges(domain, memory))).toEqual([at(0x10_0000, 3 * K), at(0x8_0000, K)]);
    expect(() => mappedRanges(domain, new TestMemory(K))).toThrow(
      failing("ERR_OUT_OF_RANGE", /byte 0 of the memory's 4096 is not mapped/),
    );
    expect(() => mappedRanges(domain, memory, 4 * K)).toThrow(failing("ERR_OUT_OF_RANGE", /offset is 16384/));
  });
});
