import { type IovaRange, MAX_IOVA } from "@userpci/interface";
import { failing } from "@userpci/interface/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IovaAllocator } from "./allocator.ts";

const K = 4096;
const MSI_WINDOW: IovaRange = { start: 0xfee0_0000n, last: 0xfeef_ffffn };
const vtd: IovaRange[] = [
  { start: 0n, last: MSI_WINDOW.start - 1n },
  { start: MSI_WINDOW.last + 1n, last: (1n << 39n) - 1n },
];
const all: IovaRange[] = [{ start: 0n, last: MAX_IOVA }];
describe("where an allocation lands", () => {
  it("is above 4 GiB for wide devices, and within 32 or 28 bits for those", () => {
    const allocator = new IovaAllocator<string>(vtd);
    expect(allocator.alloc(K, "wide")).toBe(0x1_0000_0000n);
    expect(allocator.alloc(K, "narrow", { addressBits: 32 })).toBe(0x1000n);
    expect(allocator.alloc(K, "edu", { addressBits: 28 })).toBe(0x2000n);
  });

  it("is below 4 GiB when nothing else is left, but never at 0", () => {
    const allocator = new IovaAllocator<string>([{ start: 0n, last: BigInt(3 * K) - 1n }]);
    expect(allocator.alloc(K, "a")).toBe(0x1000n);
    expect(allocator.alloc(K, "b")).toBe(0x2000n);
    expect(() => allocator.alloc(K, "c")).toThrow(failing("ERR_IOVA_EXHAUSTED"));
    expect(allocator.place(0n, K, "by name")).toBe(0n);
  });

  it("is 2 MiB-aligned from that size on, as long as there is room", () => {
    const size = 2 * 1024 * 1024;
    const allocator = new IovaAllocator<number>([{ start: 0x1000n, last: 0x5f_ffffn }]);
    expect(allocator.alloc(size, 1)).toBe(0x20_0000n);
    expect(allocator.alloc(size, 2)).toBe(0x40_0000n);
    expect(allocator.alloc(size - K, 3)).toBe(0x1000n);
    allocator.free(0x20_0000n);
    allocator.place(0x20_1000n, K, 4);
    expect(() => allocator.alloc(size, 5)).toThrow(failing("ERR_IOVA_EXHAUSTED"));
    expect(allocator.alloc(0x1f_e000, 6)).toBe(0x20_2000n);
  });

  it("keeps an alignment that was asked for, and reaches the end of 64 bits", () => {
    const allocator = new IovaAllocator<number>([{ start: MAX_IOVA - 0xffffn, last: MAX_IOVA }]);
    expect(allocator.alloc(K, 1, { alignment: 0x8000 })).toBe(MAX_IOVA - 0xffffn);
    expect(allocator.alloc(0x8000, 2, { alignment: 0x8000 })).toBe(MAX_IOVA - 0x7fffn);
    expect(allocator.find(MAX_IOVA)?.owner).toBe(2);
    expect(() => allocator.alloc(0x8000, 3, { alignment: 0x8000 })).toThrow(failing("ERR_IOVA_EXHAUSTED"));
  });

  it("leaves the guard free on both sides", () => {
    const allocator = new IovaAllocator<number>(all, { guard: 2 * K });
    const [a, b] = [allocator.alloc(K, 1), allocator.alloc(K, 2)];
    expect(b - a).toBe(BigInt(3 * K));
    expect(allocator.place(a + BigInt(K), K, 3)).toBe(a + BigInt(K));
  });
});

describe("giving back", () => {
  it("takes the first address of a live range, and nothing else", () => {
    const allocator = new IovaAllocator<string>(vtd);
    for (const start of [0x1000n, 0x1_0000_0000n, (1n << 39n) - 0x2000n]) {
      allocator.place(start, 0x2000, "live");
      for (const other of [
        start + 0x1000n,
        start + 1n,
        start - 1n,
        start + (1n << 64n),
        start - (1n << 64n),
      ]) {
        expect(allocator.free(other)).toBeUndefined();
      }
      expect(allocator.free(start)).toBe("live");
    }
    expect(allocator.free(MSI_WINDOW.start)).toBeUndefined();
    expect(() => allocator.place(MSI_WINDOW.start, K, "x")).toThrow(failing("ERR_IOVA_RANGE"));
  });
});

describe("refusals name the numbers", () => {
  const allocator = new IovaAllocator<string>(vtd, { describe: (owner) => `"${owner}"` });
  allocator.place(0x10_0000n, 0x2000, "rx ring");
  it.each([
    [
      "overlap",
      0x10_1000n,
      0x1000,
      "ERR_IOVA_OVERLAP",
      /0x101000-0x101fff overlaps "rx ring" at 0x100000-0x101fff/,
    ],
    [
      "the MSI window",
      0xfee0_0000n,
      0x1000,
      "ERR_IOVA_RANGE",
      /0xfee00000-0xfee00fff is outside .*0x0-0xfedfffff/,
    ],
    ["across the window", 0xfedf_f000n, 0x2000, "ERR_IOVA_RANGE", /outside/],
    ["past the width", 1n << 39n, 0x1000, "ERR_IOVA_RANGE", /0x8000000000-/],
    ["past 2^64", MAX_IOVA - 0xfffn, 0x2000, "ERR_IOVA_RANGE", /outside/],
    ["misaligned", 0x10_0800n, 0x1000, "ERR_MISALIGNED", /0x100800 is not a multiple of 0x1000/],
    ["beyond 64 bits", 1n << 64n, 0x1000, "ERR_OUT_OF_RANGE", /64 bits/],
    ["nothing", 0x1000n, 0, "ERR_OUT_OF_RANGE", /size is 0/],
    ["not a number", 0x1000n, Number.NaN, "ERR_INVALID_ARGUMENT", /size must be an integer/],
  ])("%s", (_, iova, size, code, message) => {
    expect(() => allocator.place(iova, size, "x")).toThrow(failing(code, message));
    expect(allocator.count).toBe(1);
  });

  it("a fixed address that the device cannot drive", () => {
    expect(() => allocator.place(0x1000_0000n, K, "x", { addressBits: 28 })).toThrow(
      failing("ERR_IOVA_RANGE", /a device of 28 address bits can address: 0x0-0xfffffff/),
    );
  });

  it("a live range that ends with the address space", () => {
    const top = new IovaAllocator<string>(all, { describe: (owner) => `"${owner}"` });
    top.place(MAX_IOVA - 0x1fffn, 0x2000, "top");
    expect(() => top.place(MAX_IOVA - 0xfffn, K, "x")).toThrow(
      failing("ERR_IOVA_OVERLAP", /overlaps "top" at 0xffffffffffffe000-0xffffffffffffffff/),
    );
  });

  it("what could never fit, apart from what does not fit now", () => {
    expect(() => allocator.alloc(2 ** 32, "x", { addressBits: 32 })).toThrow(
      failing("ERR_IOVA_RANGE", /no valid range can hold 0x100000000 bytes .* below 2\^32/),
    );
    const small = new IovaAllocator<number>([{ start: 0n, last: 0x3fffn }]);
    small.place(0x1000n, K, 1);
    expect(() => small.alloc(0x3000, 2)).toThrow(
      failing("ERR_IOVA_EXHAUSTED", /0x1000 bytes are taken by 1 ranges, the largest free piece has 0x2000/),
    );
  });

  it.each([
    [{ alignment: 3000 }, "ERR_INVALID_ARGUMENT"],
    [{ alignment: 0 }, "ERR_OUT_OF_RANGE"],
    [{ addressBits: 65 }, "ERR_OUT_OF_RANGE"],
    [{ addressBits: 11 }, "ERR_OUT_OF_RANGE"],
    [{ addressBits: Number.NaN }, "ERR_INVALID_ARGUMENT"],
  ])("a request of %o", (request, code) => {
    expect(() => allocator.alloc(K, "x", request)).toThrow(failing(code));
  });
});

describe("valid ranges", () => {
  it("may shrink and grow around what is live, and not through it", () => {
    const allocator = new IovaAllocator<string>(all, { describe: (owner) => `"${owner}"` });
    allocator.place(0x4000n, 0x2000, "kept");
    expect(() => allocator.setRanges([{ start: 0n, last: 0x4fffn }])).toThrow(
      failing("ERR_IOVA_RANGE", /"kept" at 0x4000-0x5fff is outside .*0x0-0x4fff/),
    );
    expect(allocator.ranges).toEqual(all);
    expect(allocator.alloc(K, "still wide")).toBe(0x1_0000_0000n);
    allocator.free(0x1_0000_0000n);
    allocator.setRanges([{ start: 0x800n, last: 0x6fffn }]);
    expect(() => allocator.place(0x0n, K, "x")).toThrow(failing("ERR_IOVA_RANGE"));
    expect(allocator.place(0x6000n, K, "end")).toBe(0x6000n);
    allocator.setRanges(all);
    expect(allocator.place(0x0n, K, "first")).toBe(0n);
    expect([...allocator].map(({ owner }) => owner)).toEqual(["first", "kept", "end"]);
  });
});

const ranges: IovaRange[] = [
  { start: 0n, last: 0x3_ffffn },
  { start: 0x5_0000n, last: 0xf_ffffn },
  { start: 0x1_0000_0000n, last: 0x1_0004_ffffn },
];
/** Every page that may be chosen: all but page 0. */
const pages = ranges.flatMap(({ start, last }) => {
  const count = Number((last - start + 1n) / BigInt(K));
  return Array.from({ length: count }, (_, i) => start + BigInt(i * K)).filter((iova) => iova !== 0n);
});

interface Wish {
  readonly size: number;
  readonly bits: number;
  readonly alignment: number;
  /** Asked for by name, else chosen. */
  readonly at?: bigint;
}

/** An allocator beside a plain list, which says what was right. */
class Pair {
  readonly allocator = new IovaAllocator<number>(ranges);
  live: { iova: bigint; size: number; owner: number }[] = [];

  free(pick: number): void {
    const victim = this.live[pick % Math.max(1, this.live.length)];
    if (victim === undefined) return;
    expect(this.allocator.free(victim.iova)).toBe(victim.owner);
    expect(this.allocator.free(victim.iova)).toBeUndefined();
    this.live = this.live.filter((each) => each !== victim);
  }

  take(wish: Wish, owner: number): void {
    const { size, bits: addressBits, alignment, at } = wish;
    let iova: bigint;
    try {
      iova =
        at === undefined
          ? this.allocator.alloc(size, owner, { addressBits, alignment })
          : this.allocator.place(at, size, owner);
    } catch {
      const candidates = at === undefined ? pages : [at];
      expect(candidates.filter((start) => this.allows(start, wish))).toEqual([]);
      return;
    }
    expect(this.allows(iova, wish)).toBe(true);
    this.live.push({ iova, size, owner });
  }

  allows(start: bigint, { size, bits, alignment }: Wish): boolean {
    const end = start + BigInt(size);
    return (
      start % BigInt(alignment) === 0n &&
      (end - 1n) >> BigInt(bits) === 0n &&
      ranges.some((range) => range.start <= start && end - 1n <= range.last) &&
      !this.live.some(({ iova, size: taken }) => iova < end && start < iova + BigInt(taken))
    );
  }
}

describe("against a plain list", () => {
  const operation = fc.oneof(
    fc.record({
      kind: fc.constant("take" as const),
      size: fc.integer({ min: 1, max: 40 }).map((count) => count * K),
      bits: fc.constantFrom(16, 18, 20, 32, 64),
      alignment: fc.constantFrom(K, 4 * K, 16 * K),
    }),
    fc.record({
      kind: fc.constant("take" as const),
      size: fc.integer({ min: 1, max: 8 }).map((count) => count * K),
      bits: fc.constant(64),
      alignment: fc.constant(K),
      at: fc.nat(300).map((page) => BigInt(page * K)),
    }),
    fc.record({ kind: fc.constant("free" as const), pick: fc.nat(1000) }),
  );

  it("never overlaps, leaves the valid ranges, passes a width or forgets a page", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200, size: "max" }), (operations) => {
        const pair = new Pair();
        operations.forEach((step, owner) => {
          if (step.kind === "free") pair.free(step.pick);
          else pair.take(step, owner);
        });
        const { allocator, live } = pair;
        expect([...allocator]).toEqual(live.toSorted((a, b) => (a.iova < b.iova ? -1 : 1)));
        expect(allocator.allocatedBytes).toBe(live.reduce((sum, { size }) => sum + size, 0));
        for (const { iova } of live) allocator.free(iova);
        expect([allocator.count, allocator.allocatedBytes]).toEqual([0, 0]);
      }),
      { numRuns: 100 },
    );
  });
});

describe("with 100,000 live ranges", () => {
  it("stays exact through 50,000 random frees and allocations, and ends empty", () => {
    const allocator = new IovaAllocator<number>(vtd);
    let seed = 12345;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed % below;
    };
    const sizes = Array.from({ length: 100_000 }, (_, i) => K * (1 + (i % 7)));
    const iovas: bigint[] = sizes.map((size, i) => allocator.alloc(size, i));
    const bytes = allocator.allocatedBytes;
    for (let round = 0; round < 50_000; round++) {
      const owner = random(iovas.length);
      if (allocator.free(iovas[owner]!) !== owner) expect.fail(`0x${iovas[owner]!.toString(16)} was lost`);
      iovas[owner] = allocator.alloc(sizes[owner]!, owner);
    }
    expect([allocator.allocatedBytes, allocator.count]).toEqual([bytes, iovas.length]);
    let end = 0n;
    for (const { iova, size, owner } of allocator) {
      if (iova < end || iova !== iovas[owner] || size !== sizes[owner])
        expect.fail(`owner ${owner} is wrong`);
      end = iova + BigInt(size);
    }
    for (let owner = 0; owner < 1000; owner++) {
      expect(allocator.find(iovas[owner]! + BigInt(sizes[owner]! - 1))?.owner).toBe(owner);
    }
    for (const iova of iovas) allocator.free(iova);
    expect([[...allocator], allocator.count, allocator.allocatedBytes]).toEqual([[], 0, 0]);
    // Nothing is lost: the whole of the upper part can be had in one piece.
    expect(allocator.alloc(2 ** 39 - 2 ** 32, 0)).toBe(0x1_0000_0000n);
  });
});
