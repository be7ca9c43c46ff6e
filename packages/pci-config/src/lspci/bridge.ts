import { type1Header } from "../header.ts";
import { capabilitiesText } from "./capabilities.ts";
import type { PrintedDevice } from "./capability-text.ts";
import type { ConfigBytes } from "./config-bytes.ts";
import { timings } from "./header-line.ts";
import { hex, line, wordField } from "./line.ts";
import { regionsText, romText } from "./regions.ts";
import { sizeText } from "./size.ts";

const { fields: status } = type1Header.secondaryStatus;
const { fields: control } = type1Header.bridgeControl;

const secondaryStatus = line`\tSecondary status: 66MHz${status.capable66MHz} FastB2B${status.fastBackToBackCapable} ParErr${status.masterDataParityError} DEVSEL=${wordField(status.deviceSelectTiming, timings, "??")} >TAbort${status.signaledTargetAbort} <TAbort${status.receivedTargetAbort} <MAbort${status.receivedMasterAbort} <SERR${status.receivedSystemError} <PERR${status.detectedParityError}\n`;

const bridgeControl = line`\tBridgeCtl: Parity${control.parityErrorResponse} SERR${control.systemError} NoISA${control.isa} VGA${control.vga} VGA16${control.vga16} MAbort${control.masterAbortMode} >Reset${control.secondaryBusReset} FastB2B${control.fastBackToBack}\n\t\tPriDiscTmr${control.primaryDiscardTimer} SecDiscTmr${control.secondaryDiscardTimer} DiscTmrStat${control.discardTimerStatus} DiscTmrSERREn${control.discardTimerSystemError}\n`;

/** The lines of a bridge's header, and of its capabilities. */
export function bridgeText(printed: PrintedDevice): string {
  const { config, options } = printed;
  let text = regionsText(printed, 2) + busText(config);
  text += windowText(printed, windows.io, ioWindow(config));
  text += windowText(printed, windows.memory, memoryWindow(config));
  text += windowText(printed, windows.prefetch, prefetchWindow(config));
  if (options.verbosity > 1) text += secondaryStatus(config.read16(type1Header.secondaryStatus.offset));
  text += romText(printed, type1Header.rom.offset);
  if (options.verbosity > 1) text += bridgeControl(config.read16(type1Header.bridgeControl.offset));
  return text + capabilitiesText(printed);
}

/** Bus numbers and the latency timer of the secondary bus; a CardBus bridge has them at the same place. */
export function busText(config: ConfigBytes): string {
  const bus = (offset: number) => hex(config.read8(offset), 2);
  const latency = config.read8(type1Header.secondaryLatencyTimer.offset);
  return `\tBus: primary=${bus(0x18)}, secondary=${bus(0x19)}, subordinate=${bus(0x1a)}, sec-latency=${latency}\n`;
}

/** What a bridge forwards, or why that cannot be told. */
type Window =
  | { readonly unknown: string }
  | {
      readonly base: bigint;
      /** Address bits of the limit; below them all are ones. */
      readonly limit: bigint;
      readonly last: bigint;
      readonly digits: number;
      readonly width: string;
    };

function ioWindow(config: ConfigBytes): Window {
  const base = config.read8(type1Header.ioBase.offset);
  const limit = config.read8(type1Header.ioLimit.offset);
  const type = base & 0xf;
  if (type !== (limit & 0xf) || type > 1) return unknownTypes("I/O", base, limit);
  const wide = type === 1;
  const upper = (offset: number) => (wide ? BigInt(config.read16(offset)) << 16n : 0n);
  const top = upper(type1Header.ioLimitHi.offset) | (BigInt(limit & 0xf0) << 8n);
  return {
    base: upper(type1Header.ioBaseHi.offset) | (BigInt(base & 0xf0) << 8n),
    limit: top,
    last: top | 0xfffn,
    digits: wide ? 8 : 4,
    width: wide ? "32-bit" : "16-bit",
  };
}

function memoryWindow(config: ConfigBytes): Window {
  const base = config.read16(type1Header.memoryBase.offset);
  const limit = config.read16(type1Header.memoryLimit.offset);
  if ((base & 0xf) !== 0 || (limit & 0xf) !== 0) return unknownTypes("memory", base, limit);
  const top = megabytes(limit);
  return { base: megabytes(base), limit: top, last: top | 0xf_ffffn, digits: 8, width: "32-bit" };
}

function prefetchWindow(config: ConfigBytes): Window {
  const base = config.read16(type1Header.prefetchBase.offset);
  const limit = config.read16(type1Header.prefetchLimit.offset);
  const type = base & 0xf;
  if (type !== (limit & 0xf) || type > 1) return unknownTypes("prefetchable memory", base, limit);
  const wide = type === 1;
  const upper = (offset: number) => (wide ? BigInt(config.read32(offset)) << 32n : 0n);
  const top = upper(type1Header.prefetchLimitHi.offset) | megabytes(limit);
  return {
    base: upper(type1Header.prefetchBaseHi.offset) | megabytes(base),
    limit: top,
    last: top | 0xf_ffffn,
    digits: wide ? 16 : 8,
    width: wide ? "64-bit" : "32-bit",
  };
}

/** Address bits 31:20 of a memory window register. */
function megabytes(register: number): bigint {
  return BigInt(register & 0xfff0) << 16n;
}

function unknownTypes(what: string, base: number, limit: number): Window {
  return { unknown: `\t!!! Unknown ${what} range types ${base.toString(16)}/${limit.toString(16)}\n` };
}

/** A window, its place among the ranges of a system, and how one that the system knows prints. */
interface WindowKind {
  readonly what: string;
  readonly range: number;
  readonly digits: number;
  /** Bits of an address that lspci keeps. */
  readonly bits: number;
  readonly width: string;
  /** Whether a bridge may be without it, which it tells by zeros. */
  readonly optional: boolean;
}

const windows = {
  io: { what: "I/O", range: 7, digits: 4, bits: 32, width: "16-bit", optional: true },
  memory: { what: "Memory", range: 8, digits: 8, bits: 32, width: "32-bit", optional: false },
  prefetch: { what: "Prefetchable memory", range: 9, digits: 8, bits: 64, width: "32-bit", optional: true },
} as const;

function windowText({ options, device }: PrintedDevice, kind: WindowKind, window: Window): string {
  const known = options.busCentric ? undefined : device.system?.ranges?.[kind.range];
  const heading = `\t${kind.what} behind bridge: `;
  if (known && known.size > 0n) {
    const bound = (address: bigint) => hex(BigInt.asUintN(kind.bits, address), kind.digits);
    const range = `${bound(known.address)}-${bound(known.address + known.size - 1n)}`;
    return `${heading}${range}${sizeText(known.size)} [${kind.width}]\n`;
  }
  if ("unknown" in window) return window.unknown;
  const { base, last, digits, width, limit } = window;
  const range = `${hex(base, digits)}-${hex(last, digits)}`;
  if (known && kind.optional && base === 0n && limit === 0n) return "";
  if (base <= last && !known) {
    const size = BigInt.asUintN(64, last - base + 1n);
    return `${heading}${range}${sizeText(size)} [${width}]\n`;
  }
  const shown = base <= last || options.verbosity > 2 ? `${range} ` : "";
  return `${heading}${shown}[disabled] [${width}]\n`;
}
