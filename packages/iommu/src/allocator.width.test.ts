import type { IovaRange } from "@userpci/interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IovaAllocator } from "./allocator.ts";

const K = 4096;
const MSI_WINDOW: IovaRange = { start: 0xfee0_0000n, last: 0xfeef_ffffn };
/** What the kernel reports behind Intel's IOMMU with three and with five levels, and without remapping of the low 64 KiB. */
const machines: readonly (readonly IovaRange[])[] = [
  [
    { start: 0n, last: MSI_WINDOW.start - 1n },
    { start: MSI_WINDOW.last + 1n, last: 2n ** 39n - 1n },
  ],
  [
    { start: 0n, last: MSI_WINDOW.start - 1n },
    { start: MSI_WINDOW.last + 1n, last: 2n ** 57n - 1n },
  ],
  [{ start: 0x1_0000n, last: 2n ** 48n - 1n }],
];

interface Live {
  readonly iova: bigint;
  readonly size: number;
  readonly chosen: boolean;
}

const request = fc.record({
  bits: fc.constantFrom(28, 32, 40, 48, 64),
  size: fc.oneof(
    fc.integer({ min: 1, max: 12 * K }),
    fc.constantFrom(2 ** 21, 2 ** 21 + K, 2 ** 24, 2 ** 28, 2 ** 30),
  ),
  alignment: fc.constantFrom(K, 2 ** 14, 2 ** 21),
  /** Where to, when it is not to be chosen. */
  at: fc.option(fc.bigInt(0n, 2n ** 40n - 1n), { freq: 4, nil: undefined }),
  /** Frees this one of the live ranges instead. */
  victim: fc.option(fc.nat(), { freq: 3, nil: undefined }),
});
type Request = typeof request extends fc.Arbitrary<infer R> ? R : never;

const rounded = (size: number) => Math.ceil(size / K) * K;
const isInside = (ranges: readonly IovaRange[], iova: bigint, size: number) =>
  ranges.some(({ start, last }) => start <= iova && iova + BigInt(size) - 1n <= last);
const meets = (a: Live, start: bigint, end: bigint) => a.iova < end && start < a.iova + BigInt(a.size);

/** Does what a driver asks for, and checks each answer against all that is live. */
function play(ranges: readonly IovaRange[], guard: number, requests: readonly Request[]) {
  const allocator = new IovaAllocator<number>(ranges, { guard });
  let live: Live[] = [];
  for (const { bits, size, alignment, at, victim } of requests) {
    if (victim !== undefined) {
      const chosen = live[victim % Math.max(1, live.length)];
      if (chosen !== undefined) expect(allocator.free(chosen.iova)).toBe(0);
      live = live.filter((each) => each !== chosen);
      continue;
    }
    let iova: bigint;
    try {
      const place = at === undefined ? undefined : at - (at % BigInt(alignment));
      iova =
        place === undefined
          ? allocator.alloc(size, 0, { addressBits: bits, alignment })
          : allocator.place(place, size, 0, { addressBits: bits, alignment });
    } catch {
      continue;
    }
    const total = rounded(size);
    const margin = BigInt(at === undefined ? guard : 0);
    expect(isInside(ranges, iova, total)).toBe(true);
    expect((iova + BigInt(total) - 1n) >> BigInt(bits)).toBe(0n);
    expect(iova % BigInt(alignment)).toBe(0n);
    expect(live.filter((each) => meets(each, iova - margin, iova + BigInt(total) + margin))).toEqual([]);
    live.push({ iova, size: total, chosen: at === undefined });
  }
  return { allocator, live };
}

describe("devices of 28, 32, 40, 48 and 64 address bits in one address space", () => {
  it.each([0, K, 8 * K])(
    "get only what they can drive, free and inside, with guards of %i bytes",
    (guard) => {
      fc.assert(
        fc.property(
          fc.constantFrom(...machines),
          fc.array(request, { maxLength: 120, size: "max" }),
          (ranges, requests) => {
            const { allocator, live } = play(ranges, guard, requests);
            expect([allocator.count, allocator.allocatedBytes]).toEqual([
              live.length,
              live.reduce((sum, { size }) => sum + size, 0),
            ]);
            for (const { iova } of live) allocator.free(iova);
            // What was freed is whole again: the widest request there is finds its place, as in a new allocator.
            const widest = 2 ** 38;
            expect(allocator.alloc(widest, 1)).toBe(new IovaAllocator<number>(ranges).alloc(widest, 1));
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  it("leave room for each other: wide ones stay above 4 GiB while there is any", () => {
    const allocator = new IovaAllocator<number>(machines[0]!);
    for (let i = 0; i < 1000; i++) expect(allocator.alloc(2 ** 21, i)).toBeGreaterThanOrEqual(2n ** 32n);
    expect(allocator.alloc(2 ** 27, 0, { addressBits: 28 })).toBeLessThan(2n ** 28n);
  });
});

describe("a freed range", () => {
  it("serves the next request of its size, if that device can drive it", () => {
    const allocator = new IovaAllocator<string>(machines[0]!);
    const wide = allocator.alloc(K, "wide");
    allocator.alloc(K, "kept");
    allocator.free(wide);
    expect([allocator.find(wide), allocator.count]).toEqual([undefined, 1]);
    expect(allocator.alloc(K, "narrow", { addressBits: 28 })).toBe(0x1000n);
    expect(allocator.alloc(K, "again")).toBe(wide);
  });

  it("is free for who asks for it by name, and part of a wider range", () => {
    const allocator = new IovaAllocator<string>([{ start: 0x1000n, last: 0x8fffn }]);
    const iovas = Array.from({ length: 8 }, (_, i) => allocator.alloc(K, `${i}`));
    for (const iova of iovas) allocator.free(iova);
    expect(allocator.place(0x4000n, 2 * K, "by name")).toBe(0x4000n);
    allocator.free(0x4000n);
    expect(allocator.alloc(8 * K, "all")).toBe(0x1000n);
  });

  it("is given up with addresses that stop being valid", () => {
    const allocator = new IovaAllocator<string>(machines[0]!);
    allocator.free(allocator.alloc(K, "high"));
    allocator.setRanges([{ start: 0n, last: 0xffffn }]);
    expect(allocator.alloc(K, "low")).toBe(0x1000n);
  });
});

describe("large pages", () => {
  it("are used where memory begins in the middle of one: the address lies in its page as the memory does", () => {
    const allocator = new IovaAllocator<number>(machines[0]!);
    const at = allocator.alloc(2 ** 22, 0, { preferredAlignment: 2 ** 21, phase: 2 ** 21 + 3 * K });
    expect(at % 2n ** 21n).toBe(BigInt(3 * K));
    const small = new IovaAllocator<number>([{ start: 0x1000n, last: 0x2fffn }]);
    expect(small.alloc(2 * K, 0, { preferredAlignment: 2 ** 21, phase: 3 * K })).toBe(0x1000n);
  });

  it.each([
    [1, "ERR_MISALIGNED"],
    [-K, "ERR_OUT_OF_RANGE"],
    [Number.NaN, "ERR_INVALID_ARGUMENT"],
  ])("refuse a phase of %s", (phase, code) => {
    const allocator = new IovaAllocator<number>(machines[0]!);
    expect(() => allocator.alloc(K, 0, { phase })).toThrow(expect.objectContaining({ code }));
    expect(allocator.count).toBe(0);
  });
});
