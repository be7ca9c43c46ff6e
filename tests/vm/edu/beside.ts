import { strict as assert } from "node:assert";
import { randomInt } from "node:crypto";
import { type OwnedRegion, openDevice, type PciDevice } from "userpci";
import { edu, transfer } from "../harness/edu-registers.ts";
import type { GuestTest } from "../harness/suite.ts";

const ACCESSES = 3000;
const WIDTHS = [8, 16, 32, 64] as const;
const MASK_64 = (1n << 64n) - 1n;

const FACTORIAL = 0x08;
const STATUS = 0x20;

/**
 * Bits that may be written where more would take long, or come at another time: QEMU multiplies each number of a factorial, a
 * transfer takes 100 ms, and QEMU interrupts a moment after STATUS says that a factorial is done (`edu_fact_thread` of hw/misc/edu.c).
 */
const slow: Readonly<Record<number, bigint>> = {
  [FACTORIAL]: 0xffffn,
  [STATUS]: MASK_64 & ~0x80n,
  [edu.DMA_COMMAND]: MASK_64 & ~1n,
};

/** One access, the same on both devices. */
interface Access {
  readonly width: (typeof WIDTHS)[number];
  readonly offset: number;
  /** Of a write. */
  readonly value: bigint | undefined;
}

/** Numbers that a seed gives again (a linear congruential generator of 31 bits). */
function numbersFrom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fff_ffff;
    return (state >>> 8) % limit;
  };
}

/** Registers mostly, what lies between them, and now and then the rest of the BAR. */
function randomAccess(random: (limit: number) => number): Access {
  const width = random(4) === 0 ? WIDTHS[random(4)]! : 32;
  const bytes = width / 8;
  const span = random(8) === 0 ? 0x10_0000 : 0xa8;
  const offset = Math.floor(random(span) / bytes) * bytes;
  if (random(2) === 0) return { width, offset, value: undefined };
  const bits = random(3) === 0 ? 3 : 23;
  const value =
    (BigInt(random(2 ** bits)) << 41n) ^ (BigInt(random(2 ** bits)) << 23n) ^ BigInt(random(2 ** bits));
  return { width, offset, value: value & (slow[offset] ?? MASK_64) };
}

/** Performs an access. @returns what a read gave */
function perform(bar: OwnedRegion, { width, offset, value }: Access): bigint | undefined {
  if (value === undefined) {
    if (width === 64) return bar.read64(offset);
    return BigInt(width === 32 ? bar.read32(offset) : width === 16 ? bar.read16(offset) : bar.read8(offset));
  }
  const part = Number(value & ((1n << BigInt(Math.min(width, 32))) - 1n));
  if (width === 64) bar.write64(offset, value & MASK_64);
  else if (width === 32) bar.write32(offset, part);
  else if (width === 16) bar.write16(offset, part);
  else bar.write8(offset, part);
  return undefined;
}

/** A factorial takes each its own time. */
function untilComputed(bar: OwnedRegion): void {
  while ((bar.read32(STATUS) & 1) !== 0);
}

const shown = ({ width, offset, value }: Access): string =>
  value === undefined
    ? `read${width} 0x${offset.toString(16)}`
    : `write${width} 0x${offset.toString(16)} 0x${value.toString(16)}`;

/** Brings an edu into the state that every other is in then: a register of its own transfers can only be written by one. */
async function settle(device: PciDevice): Promise<OwnedRegion> {
  const bar = device.bar(0).map();
  device.config.command.update({ memory: true, busMaster: true });
  await using memory = await device.dma.alloc(4096);
  await transfer(bar, memory.iova, BigInt(edu.BUFFER), 16, 1);
  for (const offset of [edu.LIVENESS, FACTORIAL, STATUS]) bar.write32(offset, 1);
  bar.write64(edu.DMA_SOURCE, 0n);
  bar.write32(edu.ACKNOWLEDGE, bar.read32(edu.CAUSES));
  return bar;
}

/** An edu answers each of thousands of random accesses as another. */
export const answersAs =
  (address: string, reference: string): GuestTest =>
  async () => {
    await using one = await openDevice(address, { dmaBits: 28 });
    await using other = await openDevice(reference, { dmaBits: 28 });
    const bars = await Promise.all([settle(one), settle(other)]);
    const seed = randomInt(2 ** 31);
    const random = numbersFrom(seed);
    const past: Access[] = [];
    for (let count = 0; count < ACCESSES; count++) {
      for (const bar of bars) untilComputed(bar);
      const access = randomAccess(random);
      past.push(access);
      const [mine, theirs] = bars.map((bar) => perform(bar, access));
      assert.equal(mine, theirs, `seed ${seed}, access ${count}: ${past.slice(-8).map(shown).join(", ")}`);
    }
    for (const bar of bars) bar.write32(edu.ACKNOWLEDGE, bar.read32(edu.CAUSES));
  };
