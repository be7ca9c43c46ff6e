import type { OwnedRegion } from "@userpci/interface";
import type { Bench, Limit } from "../bench.ts";
import { loadNative } from "../internals.ts";
import { kernelBar } from "../kernel-bar.ts";
import { SharedPage } from "../shared-page.ts";
import { quickest } from "../timing.ts";

// The same in c/registers.c.
const REGISTER = 8;
const OPERATIONS = 5000;
const SLICES = 400;

const NATIVE_CALL = "native call";
const writeLimits: readonly Limit[] = [{ of: "C", atMost: 2 }];
const readLimits: readonly Limit[] = [
  { of: "C", atMost: 18 },
  { of: { row: NATIVE_CALL }, atMost: 0.5 },
];

/** Where the sums of reads go, so that nothing can leave them out. */
export const sink = { number: 0, bigint: 0n };

/** A driver as users write them: it keeps its registers in a field. */
class Driver {
  readonly #registers: OwnedRegion;

  constructor(registers: OwnedRegion) {
    this.#registers = registers;
  }

  ring(value: number): void {
    this.#registers.write32(REGISTER, value);
  }

  status(): number {
    return this.#registers.read32(REGISTER);
  }
}

/** Register accesses of a mapped region. */
export async function registerRows(bench: Bench): Promise<void> {
  using page = new SharedPage();
  const region = kernelBar(page);
  const driver = new Driver(region);
  const native = loadNative();
  const value64 = 0x0123_4567_89ab_cdefn;

  const row = (name: string, c: string, limits: readonly Limit[], work: () => void) => {
    return bench.row({
      name,
      typescript: () => quickest(work, OPERATIONS, SLICES),
      c: ["registers", c],
      limits,
    });
  };

  await row(NATIVE_CALL, "call", [], () => {
    for (let i = 0; i < OPERATIONS; i++) native.pageSize();
  });
  await row("register write, 8 bits", "write8", writeLimits, () => {
    for (let i = 0; i < OPERATIONS; i++) region.write8(REGISTER, i);
  });
  await row("register write, 16 bits", "write16", writeLimits, () => {
    for (let i = 0; i < OPERATIONS; i++) region.write16(REGISTER, i);
  });
  await row("register write, 32 bits", "write32", writeLimits, () => {
    for (let i = 0; i < OPERATIONS; i++) region.write32(REGISTER, i);
  });
  await row("register write, 64 bits", "write64", writeLimits, () => {
    for (let i = 0; i < OPERATIONS; i++) region.write64(REGISTER, value64);
  });
  await row("register write, 32 bits, in a method of a driver", "write32", [], () => {
    for (let i = 0; i < OPERATIONS; i++) driver.ring(i);
  });
  await row("register read, 8 bits", "read8", readLimits, () => {
    let sum = 0;
    for (let i = 0; i < OPERATIONS; i++) sum ^= region.read8(REGISTER);
    sink.number = sum;
  });
  await row("register read, 16 bits", "read16", readLimits, () => {
    let sum = 0;
    for (let i = 0; i < OPERATIONS; i++) sum ^= region.read16(REGISTER);
    sink.number = sum;
  });
  await row("register read, 32 bits", "read32", readLimits, () => {
    let sum = 0;
    for (let i = 0; i < OPERATIONS; i++) sum ^= region.read32(REGISTER);
    sink.number = sum;
  });
  await row("register read, 64 bits", "read64", readLimits, () => {
    let sum = 0n;
    for (let i = 0; i < OPERATIONS; i++) sum = BigInt.asUintN(64, sum ^ region.read64(REGISTER));
    sink.bigint = sum;
  });
  await row("register read, 64 bits, kept as a bigint", "read64", [], () => {
    for (let i = 0; i < OPERATIONS; i++) sink.bigint = region.read64(REGISTER);
  });
  await row("register read, 32 bits, in a method of a driver", "read32", [], () => {
    let sum = 0;
    for (let i = 0; i < OPERATIONS; i++) sum ^= driver.status();
    sink.number = sum;
  });
}
