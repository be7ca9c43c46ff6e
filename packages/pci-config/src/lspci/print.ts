import { commonHeader, HEADER_SIZE, type0Header } from "../header.ts";
import { bridgeText } from "./bridge.ts";
import { capabilitiesText } from "./capabilities.ts";
import type { PrintedDevice } from "./capability-text.ts";
import { cardbusText } from "./cardbus.ts";
import { ConfigBytes } from "./config-bytes.ts";
import type { LspciDevice } from "./device.ts";
import { bistText, stateText } from "./header-line.ts";
import { headline } from "./headline.ts";
import { hexdump } from "./hexdump.ts";
import { hex } from "./line.ts";
import { subsystemName } from "./names.ts";
import type { LspciOptions } from "./options.ts";
import { regionsText, romText } from "./regions.ts";
import { subsystemOf } from "./subsystem.ts";
import { kernelText } from "./system.ts";

const CLASS_BRIDGE = 0x06;
const CLASS_PCI_BRIDGE = 0x0604;

/** A device as `lspci` prints it, without the address that its first line starts with. */
export function deviceText(device: LspciDevice, options: LspciOptions): string {
  const printed: PrintedDevice = { device, options, config: new ConfigBytes(device.bytes) };
  let text = `${headline(printed)}\n`;
  if (options.verbosity > 0 && printed.config.has(0, HEADER_SIZE)) text += detailText(printed);
  if (options.verbosity > 0 || options.showKernel) text += kernelText(printed);
  if (options.hexLevel > 0) text += hexdump(device.bytes, options.hexLevel);
  const spaced = options.verbosity > 0 || options.hexLevel > 0;
  return spaced ? `${text}\n` : text;
}

/** The lines for each header layout. */
const layouts = [endpointText, bridgeText, cardbusText];

function endpointText(printed: PrintedDevice): string {
  const regions = regionsText(printed, 6) + romText(printed, type0Header.rom.offset);
  return regions + capabilitiesText(printed);
}

function detailText(printed: PrintedDevice): string {
  const { config } = printed;
  const layout = config.read8(commonHeader.headerType.offset) & 0x7f;
  const headerText = layouts[layout];
  if (!headerText) return `\t!!! Unknown header type ${hex(layout, 2)}\n`;
  return (
    subsystemText(printed) +
    classProblem(config, layout) +
    stateText(printed) +
    bistText(config) +
    headerText(printed)
  );
}

function subsystemText({ config, options }: PrintedDevice): string {
  const subsystem = subsystemOf(config);
  if (!subsystem) return "";
  const ids = { vendor: config.read16(0x00), device: config.read16(0x02), ...subsystem };
  return `\tSubsystem: ${subsystemName(options, ids)}\n`;
}

/** A PCI bridge has layout 1, and layouts 1 and 2 belong to bridges. */
function classProblem(config: ConfigBytes, layout: number): string {
  const code = config.read16(0x0a);
  const sound = layout === 0 ? code !== CLASS_PCI_BRIDGE : code >>> 8 === CLASS_BRIDGE;
  return sound ? "" : `\t!!! Invalid class ${hex(code, 4)} for header type ${hex(layout, 2)}\n`;
}
