import { type2Header } from "../cardbus-header.ts";
import { commonHeader } from "../header.ts";
import { busText } from "./bridge.ts";
import { capabilitiesText } from "./capabilities.ts";
import type { PrintedDevice } from "./capability-text.ts";
import type { ConfigBytes } from "./config-bytes.ts";
import { hex, line } from "./line.ts";
import { regionsText } from "./regions.ts";

const { fields: control } = type2Header.bridgeControl;
const SYSTEM_ERROR = 0x4000;
/** Bytes of each half of a CardBus bridge's header. */
const HEADER = 64;

const bridgeControl = line`\tBridgeCtl: Parity${control.parityErrorResponse} SERR${control.systemError} ISA${control.isa} VGA${control.vga} MAbort${control.masterAbortMode} >Reset${control.cardbusReset} 16bInt${control.interrupts16Bit} PostWrite${control.writePosting}\n`;

/** The lines of a CardBus bridge's header, and of its capabilities. */
export function cardbusText(printed: PrintedDevice): string {
  const { config, options } = printed;
  const command = config.read16(commonHeader.command.offset);
  let text = regionsText(printed, 1) + busText(config);
  for (const index of [0, 1]) text += memoryWindow(printed, index, (command & 2) !== 0);
  for (const index of [0, 1]) text += ioWindow(printed, index, (command & 1) !== 0);
  if (config.read16(type2Header.secondaryStatus.offset) & SYSTEM_ERROR) text += "\tSecondary status: SERR\n";
  if (options.verbosity > 1) text += bridgeControl(config.read16(type2Header.bridgeControl.offset));
  // Without the second half of the header, nothing more is printed.
  return config.has(HEADER, HEADER)
    ? text + legacyText(config) + capabilitiesText(printed)
    : `${text}\t<access denied to the rest>\n`;
}

function memoryWindow({ config, options }: PrintedDevice, index: number, enabled: boolean): string {
  const base = config.read32(type2Header.memoryBase0.offset + 8 * index);
  const last = config.read32(type2Header.memoryLimit0.offset + 8 * index) + 0xfff;
  const shown = isShown(base, last >>> 0, options.verbosity);
  if (!shown) return "";
  const prefetch =
    config.read16(type2Header.bridgeControl.offset) & (0x100 << index) ? " (prefetchable)" : "";
  return `\tMemory window ${index}: ${hex(base, 8)}-${hex(last >>> 0, 8)}${enabled ? "" : " [disabled]"}${prefetch}\n`;
}

function ioWindow({ config, options }: PrintedDevice, index: number, enabled: boolean): string {
  const bits = config.read32(type2Header.ioBase0.offset + 8 * index);
  const mask = bits & 1 ? 0xffff_ffff : 0xffff;
  const base = (bits & mask & ~3) >>> 0;
  const last = ((config.read32(type2Header.ioLimit0.offset + 8 * index) & mask & ~3) + 3) >>> 0;
  if (!isShown(base, last, options.verbosity)) return "";
  return `\tI/O window ${index}: ${hex(base, 8)}-${hex(last, 8)}${enabled ? "" : " [disabled]"}\n`;
}

/** A window that ends before it begins forwards nothing. */
function isShown(base: number, last: number, verbosity: number): boolean {
  return base <= last || verbosity > 2;
}

function legacyText(config: ConfigBytes): string {
  const base = config.read16(type2Header.legacyBase.offset);
  return base === 0 ? "" : `\t16-bit legacy interface ports at ${hex(base, 4)}\n`;
}
