import type { IovaRange } from "@userpci/interface";
import { IovaAllocator } from "@userpci/iommu";
import { expect, it } from "vitest";
import { rounds } from "./rounds.ts";

const LIVE = 1_000_000;
/** Frees and allocations for each round of a soak. */
const EACH = 5000;
const K = 4096;
const WIDTHS = [32, 40, 48, 64] as const;
const MSI_WINDOW: IovaRange = { start: 0xfee0_0000n, last: 0xfeef_ffffn };
const ranges: readonly IovaRange[] = [
  { start: 0n, last: MSI_WINDOW.start - 1n },
  { start: MSI_WINDOW.last + 1n, last: 2n ** 57n - 1n },
];

/** A million buffers of devices of four widths, and what is known of each. */
class Buffers {
  readonly allocator = new IovaAllocator<number>(ranges);
  readonly iovas: bigint[] = [];
  readonly sizes: number[] = [];
  #seed = 12345;

  constructor() {
    for (let owner = 0; owner < LIVE; owner++) this.#allocate(owner);
  }

  /** Frees a random one, and makes another of another size, for a device of the same width. */
  replace(): void {
    const owner = this.#random(LIVE);
    if (this.allocator.free(this.iovas[owner]!) !== owner) throw new Error(`buffer ${owner} was lost`);
    this.#allocate(owner);
  }

  /** The widths are of the narrow kind once in 64, since 4 GiB hold but a million pages. */
  #allocate(owner: number): void {
    const addressBits = owner % 64 === 0 ? 32 : WIDTHS[1 + (owner % 3)]!;
    const size = K * (1 + this.#random(7));
    const iova = this.allocator.alloc(size, owner, { addressBits });
    if ((iova + BigInt(size) - 1n) >> BigInt(addressBits) !== 0n)
      throw new Error(`buffer ${owner} is too high`);
    this.iovas[owner] = iova;
    this.sizes[owner] = size;
  }

  /** That the table has all of them as they are, in order, inside the valid ranges, and none twice. */
  check(): void {
    let end = 0n;
    let count = 0;
    for (const { iova, size, owner } of this.allocator) {
      const isRight = iova === this.iovas[owner] && size === this.sizes[owner];
      const isInside = iova + BigInt(size) <= MSI_WINDOW.start || iova > MSI_WINDOW.last;
      if (!isRight || !isInside || iova < end) throw new Error(`buffer ${owner} is not what it was`);
      end = iova + BigInt(size);
      count++;
    }
    expect([count, this.allocator.count]).toEqual([LIVE, LIVE]);
    expect(this.allocator.allocatedBytes).toBe(this.sizes.reduce((sum, size) => sum + size));
  }

  #random(below: number): number {
    this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#seed * below) / 2 ** 32);
  }
}

it("a million live ranges stay exact while random ones are replaced, and all of them can be given back", () => {
  const buffers = new Buffers();
  for (let i = 0; i < rounds() * EACH; i++) buffers.replace();
  buffers.check();
  for (const iova of buffers.iovas) buffers.allocator.free(iova);
  expect([buffers.allocator.count, buffers.allocator.allocatedBytes]).toEqual([0, 0]);
  // Nothing is left behind: what lies between 4 GiB and 2^40 can be had in one piece.
  const size = 2 ** 40 - 2 ** 32;
  expect(buffers.allocator.alloc(size, 0, { addressBits: 40 })).toBe(2n ** 32n);
});
