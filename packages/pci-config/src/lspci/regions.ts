import { commonHeader } from "../header.ts";
import type { PrintedDevice } from "./capability-text.ts";
import type { ConfigBytes } from "./config-bytes.ts";
import { hex } from "./line.ts";
import { sizeText } from "./size.ts";

const BAR_OFFSET = 0x10;
const ALL_ONES = 0xffff_ffff;
const IO = 1;
const IO_ENABLED = 1;
const MEMORY_ENABLED = 2;
const ROM_INDEX = 6;

/** Words for the type of a memory BAR. */
const memoryTypes = ["32-bit", "low-1M", "64-bit", "type 3"];

interface Bar {
  readonly index: number;
  readonly raw: number;
  /** Address with the low bits of the register. */
  readonly base: bigint;
  readonly size: bigint;
}

/** The lines of BARs 0 to `count` - 1. */
export function regionsText(printed: PrintedDevice, count: number): string {
  const bases = baseAddresses(printed.config, count);
  let text = "";
  for (let index = 0; index < count; index++) {
    const range = printed.options.busCentric ? undefined : printed.device.system?.ranges?.[index];
    const read = printed.config.read32(BAR_OFFSET + 4 * index);
    const raw = read === ALL_ONES ? 0 : read;
    const base = range?.address ?? bases[index]!;
    const size = range?.size ?? 0n;
    if (base === 0n && raw === 0 && size === 0n) continue;
    text += regionText(printed, { index, raw, base, size });
  }
  return text;
}

/** Addresses as the registers tell them, 64-bit pairs joined. The upper half of a pair has none of its own. */
function baseAddresses(config: ConfigBytes, count: number): readonly bigint[] {
  const bases = Array.from({ length: count }, () => 0n);
  for (let index = 0; index < count; index++) {
    const raw = config.read32(BAR_OFFSET + 4 * index);
    if (raw === 0 || raw === ALL_ONES) continue;
    const wide = (raw & 7) === 4;
    if (!wide) bases[index] = BigInt(raw);
    else if (index + 1 < count) {
      const upper = config.read32(BAR_OFFSET + 4 * index + 4);
      bases[index] = (BigInt(upper) << 32n) | BigInt(raw);
      index++;
    }
  }
  return bases;
}

/** Number of BARs by header layout. */
const barCounts: readonly number[] = [6, 2, 1];

/** Whether a function has a BAR of memory, assigned or not. */
export function hasMemory(config: ConfigBytes): boolean {
  const count = barCounts[config.read8(commonHeader.headerType.offset) & 0x7f] ?? 0;
  return baseAddresses(config, count).some((base) => base !== 0n && (base & 1n) === 0n);
}

function regionText({ config, options }: PrintedDevice, { index, raw, base, size }: Bar): string {
  const command = config.read16(commonHeader.command.offset);
  const isIo = (raw & IO) !== 0;
  const enabled = (command & (isIo ? IO_ENABLED : MEMORY_ENABLED)) !== 0;
  const place = isIo ? ioPlace(base, enabled) : memoryPlace(raw, base);
  const label = options.verbosity > 1 ? `Region ${index}: ` : "";
  return `\t${label}${place}${enabled ? "" : " [disabled]"}${sizeText(size)}\n`;
}

function ioPlace(base: bigint, enabled: boolean): string {
  const address = base & ~3n;
  return `I/O ports at ${address !== 0n || enabled ? hex(address, 4) : "<unassigned>"}`;
}

function memoryPlace(raw: number, base: bigint): string {
  const address = base & ~0xfn;
  const kind = `${memoryTypes[(raw >>> 1) & 3]}, ${raw & 8 ? "" : "non-"}prefetchable`;
  return `Memory at ${address === 0n ? "<unassigned>" : hex(address, 8)} (${kind})`;
}

/** The line of the expansion ROM, whose register is at `offset`. */
export function romText({ config, device, options }: PrintedDevice, offset: number): string {
  const raw = config.read32(offset);
  const range = options.busCentric ? undefined : device.system?.ranges?.[ROM_INDEX];
  const size = range?.size ?? 0n;
  if (raw === 0 && size === 0n) return "";
  const address = (range?.address ?? BigInt(raw)) & ~0x7ffn;
  const memory = (config.read16(commonHeader.command.offset) & MEMORY_ENABLED) !== 0;
  const state = (raw & 1) === 0 ? " [disabled]" : memory ? "" : " [disabled by cmd]";
  const place = raw === ALL_ONES ? "<ignored>" : address === 0n ? "<unassigned>" : hex(address, 8);
  return `\tExpansion ROM at ${place}${state}${sizeText(size)}\n`;
}
