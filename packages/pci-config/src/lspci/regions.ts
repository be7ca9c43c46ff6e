import { commonHeader, type0Header, type1Header } from "../header.ts";
import type { PrintedDevice } from "./capability-text.ts";
import type { ConfigBytes } from "./config-bytes.ts";
import type { SystemRange } from "./device.ts";
import { hex } from "./line.ts";
import type { LspciOptions } from "./options.ts";
import { sizeText } from "./size.ts";

const BAR_OFFSET = 0x10;
const ALL_ONES = 0xffff_ffff;
const IO = 1;
const IO_ENABLED = 1;
const MEMORY_ENABLED = 2;
const ROM_INDEX = 6;
const ROM_ADDRESS = ~0x7ff;

/** Bits of the kernel's resource flags (`include/linux/ioport.h`). */
const RANGE = { type: 0xf, enhanced: 1 << 5, io: 1 << 8, prefetch: 1 << 13, memory64: 1 << 20 } as const;

/** Number of BARs, and place of the ROM's register, by header layout. */
const barCounts: readonly number[] = [6, 2, 1];
const romOffsets: readonly number[] = [type0Header.rom.offset, type1Header.rom.offset];
/** Where no space has bytes. */
const ABSENT = 0x1000;

/** Words for the type of a memory BAR. */
const memoryTypes = ["32-bit", "low-1M", "64-bit", "type 3"];

/** The lines of BARs 0 to `count` - 1. */
export function regionsText(printed: PrintedDevice, count: number): string {
  const { config, options, device } = printed;
  const ranges = options.busCentric ? undefined : device.system?.ranges;
  const bases = baseAddresses(config, count);
  const command = commandOf(config);
  let text = "";
  for (let index = 0; index < count; index++) {
    const raw = config.read32(BAR_OFFSET + 4 * index);
    const place = ranges
      ? systemPlace(raw, ranges[index], command, index + 1 === count)
      : registerPlace(raw, bases[index]!, command);
    text += regionLine(options, index, place);
  }
  return text;
}

function regionLine({ verbosity }: LspciOptions, index: number, place: string): string {
  if (place === "") return "";
  return `\t${verbosity > 1 ? `Region ${index}: ` : ""}${place}\n`;
}

/** Ranges of a function whose header cannot be read: as the system tells them or, of a dump, the registers that it has. */
export function blindRegionsText({ config, options, device }: PrintedDevice): string {
  if (options.busCentric) return "";
  const ranges = device.system?.ranges ?? registerRanges(config);
  const regions = ranges.slice(0, ROM_INDEX).map((range) => systemPlace(undefined, range, ~0, false));
  const text = regions.map((place, index) => regionLine(options, index, place)).join("");
  const rom = ranges[ROM_INDEX];
  if (!rom || !isThere(rom)) return text;
  const place = rom.address === 0n ? "<unassigned>" : hex(rom.address, 8);
  const enhanced = rom.flags & RANGE.enhanced ? " [enhanced]" : "";
  return `${text}\tExpansion ROM at ${place} [disabled]${enhanced}${sizeText(rom.size)}\n`;
}

/** What registers tell without their types, which lspci keeps elsewhere. */
function registerRanges(config: ConfigBytes): readonly SystemRange[] {
  const layout = layoutOf(config);
  const rom = config.read32(romOffsets[layout] ?? ABSENT);
  const bases = baseAddresses(config, barCounts[layout] ?? 0);
  const regions = Array.from({ length: ROM_INDEX }, (_, index) => {
    const base = bases[index] ?? 0n;
    return { address: base & ~0xfn, size: 0n, flags: Number(base & BigInt(RANGE.type)) };
  });
  const known = rom === ALL_ONES ? 0 : rom;
  // Any bit below the address shows that there is a ROM.
  const address = BigInt((known & ROM_ADDRESS) >>> 0);
  return [...regions, { address, size: 0n, flags: known & ~ROM_ADDRESS ? 1 : 0 }];
}

function layoutOf(config: ConfigBytes): number {
  return config.read8(commonHeader.headerType.offset) & 0x7f;
}

function commandOf(config: ConfigBytes): number {
  return config.read16(commonHeader.command.offset);
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

/** Whether a function has a BAR of memory, assigned or not. */
export function hasMemory({
  config,
  options,
  device,
}: Pick<PrintedDevice, "config" | "options" | "device">): boolean {
  const known = options.busCentric ? undefined : device.system?.ranges?.slice(0, ROM_INDEX);
  if (known)
    return known.some((range) => isThere(range) && ((Number(range.address & 1n) | range.flags) & IO) === 0);
  const bases = baseAddresses(config, barCounts[layoutOf(config)] ?? 0);
  return bases.some((base) => base !== 0n && (base & 1n) === 0n);
}

/** A BAR as its register tells it; nothing for one that is not there. */
function registerPlace(read: number, base: bigint, command: number): string {
  const raw = read === ALL_ONES ? 0 : read;
  if (base === 0n && raw === 0) return "";
  if (raw & IO) return ioPlace(base & ~3n, "<unassigned>", command);
  const address = base & ~0xfn;
  const place = address === 0n ? "<unassigned>" : hex(address, 8);
  return memoryPlace(place, memoryTypes[(raw >>> 1) & 3]!, (raw & 8) !== 0) + memoryState(command);
}

/** A BAR as the system knows it: where the register differs, the system has its reasons. */
function systemPlace(
  raw: number | undefined,
  range: SystemRange | undefined,
  command: number,
  isLast: boolean,
): string {
  if (!range || !isThere(range)) return "";
  const { size, flags } = range;
  const address = range.address & (flags & RANGE.io ? ~3n : ~0xfn);
  const missing = raw ? "<ignored>" : "<unassigned>";
  if (flags & RANGE.io) return ioPlace(address, missing, command) + sizeText(size);
  const type = flags & RANGE.memory64 ? "64-bit" : "32-bit";
  const halved = isLast && raw !== undefined && (raw & 7) === 4;
  const shown = address === 0n ? missing : hex(address, 8);
  const prefetch = (flags & RANGE.prefetch) !== 0;
  const place = memoryPlace(halved ? "<broken-64-bit-slot>" : shown, type, prefetch);
  const enhanced = (flags & RANGE.enhanced) !== 0;
  const virtual = raw === 0 && !isEmpty(range) && !enhanced;
  const state = virtual ? " [virtual]" : memoryState(command);
  return `${place}${state}${enhanced ? " [enhanced]" : ""}${sizeText(size)}`;
}

/** Whether a range is nothing at all to lspci, which keeps the type in the low bits of an address. */
function isEmpty({ address, flags }: SystemRange): boolean {
  return address === 0n && (flags & RANGE.type) === 0;
}

/** Whether the system has such a range, assigned or not. */
function isThere(range: SystemRange): boolean {
  return !isEmpty(range) || range.size !== 0n;
}

function ioPlace(address: bigint, missing: string, command: number): string {
  const enabled = (command & IO_ENABLED) !== 0;
  return `I/O ports at ${address !== 0n || enabled ? hex(address, 4) : missing}${enabled ? "" : " [disabled]"}`;
}

function memoryPlace(place: string, type: string, prefetch: boolean): string {
  return `Memory at ${place} (${type}, ${prefetch ? "" : "non-"}prefetchable)`;
}

function memoryState(command: number): string {
  return command & MEMORY_ENABLED ? "" : " [disabled]";
}

/** The line of the expansion ROM, whose register is at `offset`. */
export function romText({ config, device, options }: PrintedDevice, offset: number): string {
  const raw = config.read32(offset);
  const range = options.busCentric ? undefined : device.system?.ranges?.[ROM_INDEX];
  const own = raw & ROM_ADDRESS;
  const address = range?.address ?? (raw === ALL_ONES ? 0n : BigInt(own >>> 0));
  const size = range?.size ?? 0n;
  if (raw === 0 && address === 0n && size === 0n) return "";
  const enhanced = range !== undefined && (range.flags & RANGE.enhanced) !== 0;
  const isVirtual = own === 0 && range !== undefined && address !== 0n && !enhanced;
  const place = address !== 0n ? hex(address, 8) : own !== 0 ? "<ignored>" : "<unassigned>";
  const enabled = ((isVirtual ? range.flags : raw) & 1) !== 0;
  const off = isVirtual || commandOf(config) & MEMORY_ENABLED ? "" : " [disabled by cmd]";
  const state = `${isVirtual ? " [virtual]" : ""}${enabled ? off : " [disabled]"}${enhanced ? " [enhanced]" : ""}`;
  return `\tExpansion ROM at ${place}${state}${sizeText(size)}\n`;
}
