import { cxlDeviceRegisters, cxlRange, RANGES } from "../../capabilities/cxl-device.ts";
import { cxlGpfRegisters } from "../../capabilities/cxl-gpf.ts";
import type { CapabilityText } from "../capability-text.ts";
import { fieldOf, hex, line, mapField, wordField } from "../line.ts";
import type { Designated } from "./cxl.ts";
import { gpfTime } from "./gpf-time.ts";

const r = cxlDeviceRegisters;
const { fields: a } = r.deviceCapability;
const { fields: c } = r.deviceControl;
const { fields: s } = r.deviceStatus;
const { fields: s2 } = r.deviceStatus2;
const { fields: a2 } = r.deviceCapability2;
const { fields: n } = cxlRange.sizeLow;

/** lspci takes the number of some bits for a mask: such a flag is on if any bit of its number plus 1 is. */
const anyOf = (mask: number) => (raw: number) => ((raw & mask) !== 0 ? "+" : "-");

const capabilityLine = line`\t\tCXLCap:\tCache${a.cache} IO${a.io} Mem${a.memory} MemHWInit${a.memoryHwInit} HDMCount ${a.ranges} Viral${a.viral}\n`;
const controlLine = line`\t\tCXLCtl:\tCache${c.cache} IO${c.io} Mem${c.memory} CacheSFCov ${c.snoopFilterCoverage} CacheSFGran ${c.snoopFilterGranularity} CacheClean${c.cleanEviction} Viral${c.viral}\n`;
const statusLine = line`\t\tCXLSta:\tViral${s.viral}\n`;
const control2Line = line`\t\tCXLCtl2:\tDisableCaching${anyOf(1)} InitCacheWB&Inval${anyOf(2)} InitRst${anyOf(3)} RstMemClrEn${anyOf(4)}`;
const control2More = line` DesiredVolatileHDMStateAfterHotReset${anyOf(5)}`;
const status2Line = line`\t\tCXLSta2:\tResetComplete${s2.resetComplete} ResetError${s2.resetError} PMComplete${s2.pmInitComplete}\n`;
const capability3Line = line`\t\tCXLCap3:\tDefaultVolatile HDM State After:\tColdReset${anyOf(1)} WarmReset${anyOf(2)} HotReset${anyOf(3)} HotResetConfigurability${anyOf(4)}\n`;

/** Bytes of a cache size unit. */
const cacheUnits: Readonly<Record<number, number>> = { 1: 0x1_0000, 2: 0x10_0000 };

function cacheText(raw: number): string {
  const [unit, size] = [fieldOf(a2.cacheUnit, raw), fieldOf(a2.cacheSize, raw)];
  const bytes = cacheUnits[unit];
  if (unit === 0) return "\t\tCXLCap2:\tCache Size Not Reported\n";
  if (bytes !== undefined) return `\t\tCXLCap2:\tCache Size: ${hex(size * bytes, 8)}\n`;
  return `\t\tCXLCap2:\tCache Size: ${size} of unknown unit size (${unit})\n`;
}

// For media from 3 on, which are reserved, lspci reads on behind its words: nothing, then the words for classes.
const classes = ["DRAM", "Storage", "CDAT"];
const media = ["Volatile", "Non-volatile", "CDAT", "(null)", ...classes];
const interleaves = [0, 256, 4096, 512, 1024, 2048, 8192, 16384];
const rangeLine = line`\t\t\tValid${n.valid} Active${n.active} Type=${wordField(n.type, media, "reserved")} Class=${wordField(n.class, classes, "reserved")} interleave=${mapField(n.interleave, (value) => interleaves[value] ?? 0)} timeout=${mapField(n.timeout, (value) => 4 ** value)}s\n`;

const ALL_BITS = 64;
/** Bits of the lower half of a size that hold something else. */
const SIZE_FLAGS = (1n << BigInt(n.size.lo)) - 1n;

function rangeText(capability: CapabilityText, number: number, at: number): string {
  const wide = (high: number, low: number) =>
    (BigInt(capability.read32(at + high)) << 32n) | BigInt(capability.read32(at + low));
  const base = wide(cxlRange.baseHigh.offset, cxlRange.baseLow.offset);
  const size = wide(cxlRange.sizeHigh.offset, cxlRange.sizeLow.offset) & ~SIZE_FLAGS;
  const last = BigInt.asUintN(ALL_BITS, base + size - 1n);
  const range = `\t\tRange${number}: ${hex(base, 16)}-${hex(last, 16)} [size=0x${hex(size, 1)}]\n`;
  return range + rangeLine(capability.read32(at + cxlRange.sizeLow.offset));
}

/** Bytes of revision 1. */
const LENGTH_1 = r.deviceCapability3.offset;
/** Bytes that are known: the last register with what is left of its dword. */
const LENGTH_2 = LENGTH_1 + 4;

/** The DVSEC for CXL devices; of revision 0 lspci prints the name. */
export function deviceText(capability: CapabilityText, { revision, length }: Designated): string {
  const head = "\t\tPCIe DVSEC for CXL Devices\n";
  if (revision < 1 || length < LENGTH_1) return head;
  const control2 = capability.read(r.deviceControl2);
  let text = head + capabilityLine(capability.read(r.deviceCapability));
  text += controlLine(capability.read(r.deviceControl)) + statusLine(capability.read(r.deviceStatus));
  text += `${control2Line(control2)}${revision >= 2 ? control2More(control2) : ""}\n`;
  text += status2Line(capability.read(r.deviceStatus2)) + cacheText(capability.read(r.deviceCapability2));
  text += RANGES.map((at, index) => rangeText(capability, index + 1, at)).join("");
  if (revision >= 2 && length >= LENGTH_2) text += capability3Line(capability.read(r.deviceCapability3));
  return length > LENGTH_2 ? `${text}\t\t<?>\n` : text;
}

/** The DVSEC for global persistent flush of devices. */
export function gpfDeviceText(capability: CapabilityText): string {
  const duration = gpfTime("GPF Phase 2 Duration", capability.read(cxlGpfRegisters.gpfPhase2Duration));
  const power = `\t\tGPF Phase 2 Power: ${capability.read(cxlGpfRegisters.gpfPhase2Power)}mW\n`;
  return `\t\tGPF DVSEC for CXL Devices\n${duration}${power}`;
}
