import { PciError, type Region } from "@userpci/interface";
import { type BarShape, barTypeBits, checkBarShape } from "../bar-shape.ts";
import { bytesRegion } from "../bytes.ts";
import { type0Header } from "../header.ts";
import type { VirtualDevice } from "./device.ts";
import type { Masks } from "./masks.ts";

const BAR_COUNT = 6;
const first = type0Header.bar0.offset;
const rom = type0Header.rom.offset;
const ROM_ENABLE = 0x1;
/** Least size of an expansion ROM in bytes: its address has 21 bits (section 7.5.1.2.4). */
const LEAST_ROM = 2048;

/**
 * Makes virtual BARs size like real ones (row R9): address bits below the size are not writable and read 0, the type bits
 * read as the kind needs them. A partial address is so aligned down to the size.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for a BAR that cannot be
 */
export function sizeBars(content: Uint8Array, masks: Masks, { bars = [], romSize = 0 }: VirtualDevice): void {
  const registers = bytesRegion(content);
  const writable = bytesRegion(masks.writable);
  const set = (offset: number, mask: number, fixed: number): void => {
    writable.write32(offset, mask);
    registers.write32(offset, ((registers.read32(offset) & mask) | fixed) >>> 0);
  };
  for (let index = 0; index < BAR_COUNT; index++) {
    const offset = first + 4 * index;
    const shape = bars[index];
    if (shape === undefined) {
      set(offset, 0, 0);
      continue;
    }
    checkShape(index, shape);
    const address = -BigInt(shape.size);
    set(offset, Number(BigInt.asUintN(32, address)), barTypeBits(shape));
    if (shape.kind !== "memory64") continue;
    set(offset + 4, Number(BigInt.asUintN(32, address >> 32n)), 0);
    index++;
  }
  const romMask = romSize === 0 ? 0 : -Math.max(romSize, LEAST_ROM) | ROM_ENABLE;
  set(rom, romMask >>> 0, 0);
}

/** Bits of a BAR register that tell what it is: of one for I/O, and for memory. */
const IO_TYPE = 0x3;
const MEMORY_TYPE = 0xf;
const IS_IO = 0x1;
const WIDTH = 0x6;
const IS_WIDE = 0x4;

/**
 * Why a write leaves some bits of a BAR or the expansion ROM as they are, although a rule lets it change them.
 *
 * @param content as {@link sizeBars} left it, or as the user wrote it since
 * @param at byte of the space
 * @param bits of that byte
 */
export function whyFixed(content: Uint8Array, masks: Masks, at: number, bits: number): string {
  const registers = bytesRegion(content);
  const offset = at - (at % 4);
  const writable = bytesRegion(masks.writable).read32(offset);
  if (offset === rom) {
    return writable === 0 ? "the function has no expansion ROM" : "these bits are below the ROM's size";
  }
  const value = registers.read32(offset);
  if (writable === 0 && value === 0) return "there is no such BAR";
  const type = isUpperHalf(registers, offset) ? 0 : (value & IS_IO) !== 0 ? IO_TYPE : MEMORY_TYPE;
  return ((bits << (8 * (at % 4))) & type) !== 0
    ? "these bits tell what the BAR is"
    : "these bits are below the BAR's size";
}

function isUpperHalf(registers: Region, offset: number): boolean {
  let wide = false;
  for (let at = first; at < offset; at += 4) {
    wide = !wide && (registers.read32(at) & (WIDTH | IS_IO)) === IS_WIDE;
  }
  return wide;
}

function checkShape(index: number, shape: BarShape): void {
  checkBarShape(index, shape);
  if (shape.kind !== "memory64" || index + 1 < BAR_COUNT) return;
  throw new PciError(
    "ERR_INVALID_ARGUMENT",
    `BAR ${index} is 64-bit, and has no next register for its upper half`,
    { hint: `give it an index up to ${BAR_COUNT - 2}, or the kind memory32` },
  );
}
