import { setTimeout } from "node:timers/promises";
import { type BackendDevice, type OwnedRegion, regionIndex } from "@userpci/interface";

/** Offsets in BAR 0 of edu, and the bits used here (QEMU, docs/specs/edu.rst). */
export const edu = {
  ID: 0x00,
  LIVENESS: 0x04,
  CAUSES: 0x24,
  RAISE: 0x60,
  ACKNOWLEDGE: 0x64,
  DMA_SOURCE: 0x80,
  DMA_TARGET: 0x88,
  DMA_COUNT: 0x90,
  DMA_COMMAND: 0x98,
  BUFFER: 0x40000,
} as const;

const COMMAND = 0x04;

/**
 * Turns memory decode and bus mastering on and maps BAR 0, with nothing but the backend. Takes back what a test before
 * raised: edu has no reset.
 */
export function startEdu(device: BackendDevice): OwnedRegion {
  const config = device.region(regionIndex.config);
  config.write16(COMMAND, config.read16(COMMAND) | 0b110);
  const bar = device.mapRegion(0);
  bar.write32(edu.ACKNOWLEDGE, bar.read32(edu.CAUSES));
  return bar;
}

/** One DMA by edu, which takes about 100 ms. Done is no success: the device cannot tell. */
export async function transfer(
  bar: OwnedRegion,
  source: bigint,
  target: bigint,
  size: number,
  command: 1 | 3,
): Promise<void> {
  bar.write64(edu.DMA_SOURCE, source);
  bar.write64(edu.DMA_TARGET, target);
  bar.write32(edu.DMA_COUNT, size);
  bar.write32(edu.DMA_COMMAND, command);
  while ((bar.read32(edu.DMA_COMMAND) & 1) !== 0) await setTimeout(5);
}

/** Copies memory at `iova` into the device and back to `back`. */
export async function roundTrip(bar: OwnedRegion, iova: bigint, back: bigint, size: number): Promise<void> {
  await transfer(bar, iova, BigInt(edu.BUFFER), size, 1);
  await transfer(bar, BigInt(edu.BUFFER), back, size, 3);
}
