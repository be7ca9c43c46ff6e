import type { IovaRange } from "@userpci/interface";
import { IovaAllocator } from "@userpci/iommu";
import type { Bench, Limit } from "../bench.ts";

// The same in c/allocator.cc.
const LIVE = 1_000_000;
const HOLES = 100_000;
const SIZES = 7;
const OPERATIONS = 100_000;
const SINGLE = 20_000;

const PAGE = 4096;
const ranges: readonly IovaRange[] = [{ start: 2n ** 32n, last: 2n ** 63n - 1n }];
const name = "addresses, a million live";
const limits: readonly Limit[] = [{ of: "C", atMost: 1 }];

/** A million live ranges, with holes between them. */
class Workload {
  readonly #allocator = new IovaAllocator<number>(ranges);
  readonly #iovas: bigint[] = [];
  readonly #sizes: number[] = [];
  #seed = 12345;

  constructor() {
    for (let i = 0; i < LIVE + HOLES; i++) {
      const size = 1 + (i % SIZES);
      this.#sizes.push(size);
      this.#iovas.push(this.#allocator.alloc(size * PAGE, i));
    }
    for (let i = 0; i < HOLES; i++) {
      const victim = this.#randomBelow(this.#iovas.length);
      this.#allocator.free(this.#iovas[victim]!);
      this.#iovas[victim] = this.#iovas.at(-1)!;
      this.#sizes[victim] = this.#sizes.at(-1)!;
      this.#iovas.pop();
      this.#sizes.pop();
    }
  }

  /** Frees a random range, and allocates one of the same size. */
  same(): void {
    const victim = this.#randomBelow(LIVE);
    const owner = this.#allocator.free(this.#iovas[victim]!)!;
    this.#iovas[victim] = this.#allocator.alloc(this.#sizes[victim]! * PAGE, owner);
  }

  /** Frees a random range, and allocates one of another size. */
  other(): void {
    const victim = this.#randomBelow(LIVE);
    const owner = this.#allocator.free(this.#iovas[victim]!)!;
    const size = 1 + (this.#sizes[victim]! % SIZES);
    this.#sizes[victim] = size;
    this.#iovas[victim] = this.#allocator.alloc(size * PAGE, owner);
  }

  /** That the allocator still knows every range as it is. @throws Error if not */
  check(): void {
    const order = Uint32Array.from(this.#iovas.keys()).sort((a, b) =>
      this.#iovas[a]! < this.#iovas[b]! ? -1 : 1,
    );
    let i = 0;
    let end = 0n;
    for (const { iova, size } of this.#allocator) {
      const expected = order[i++]!;
      const isRight = iova === this.#iovas[expected] && size === this.#sizes[expected]! * PAGE;
      if (!isRight || iova < end) throw new Error(`the allocator has lost count at 0x${iova.toString(16)}`);
      end = iova + BigInt(size);
    }
    if (i !== LIVE) throw new Error(`the allocator has ${i} ranges, not ${LIVE}`);
  }

  #randomBelow(limit: number): number {
    this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#seed * limit) / 2 ** 32);
  }
}

/** Processor time of an operation in nanoseconds, that of the collector's threads included. */
function mean(operation: () => void): number {
  const { user, system } = process.cpuUsage();
  for (let i = 0; i < OPERATIONS; i++) operation();
  const after = process.cpuUsage();
  return ((after.user - user + after.system - system) * 1000) / OPERATIONS;
}

function p99(operation: () => void): number {
  const samples = new Float64Array(SINGLE);
  for (let i = 0; i < SINGLE; i++) {
    const start = performance.now();
    operation();
    samples[i] = (performance.now() - start) * 1e6;
  }
  return samples.sort()[(SINGLE / 100) * 99]!;
}

const names = {
  same: `${name}: free one, allocate its size`,
  p99: `${name}: the same, p99`,
  least: `${name}: the same, against erase and insert alone`,
  other: `${name}: free one, allocate another size`,
};

/** What giving out addresses costs when very many are out. The counterpart is an allocator made of `std::map`. */
export async function allocatorRows(bench: Bench): Promise<void> {
  if (!Object.values(names).some((each) => bench.wants(each))) return;
  const workload = new Workload();
  const same = (): number => mean(() => workload.same());
  await bench.row({ name: names.same, typescript: same, c: ["allocator", "same"], limits });
  await bench.row({
    name: names.p99,
    typescript: () => p99(() => workload.same()),
    c: ["allocator", "same-p99"],
    limits,
  });
  await bench.row({ name: names.least, typescript: same, c: ["allocator", "least"] });
  await bench.row({
    name: names.other,
    typescript: () => mean(() => workload.other()),
    c: ["allocator", "other"],
  });
  workload.check();
}
