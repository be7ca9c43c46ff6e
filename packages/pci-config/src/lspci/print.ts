import { commonHeader, HEADER_SIZE, type0Header } from "../header.ts";
import { bridgeText } from "./bridge.ts";
import { capabilitiesText } from "./capabilities.ts";
import type { PrintedDevice } from "./capability-text.ts";
import { cardbusText } from "./cardbus.ts";
import { ConfigBytes } from "./config-bytes.ts";
import type { LspciDevice } from "./device.ts";
import { bistText, membershipText, stateText } from "./header-line.ts";
import { headline } from "./headline.ts";
import { hexdump } from "./hexdump.ts";
import { identityOf } from "./identity.ts";
import { hex } from "./line.ts";
import { subsystemName } from "./names.ts";
import type { LspciOptions } from "./options.ts";
import { blindRegionsText, regionsText, romText } from "./regions.ts";
import { kernelText, nameText, placeText } from "./system.ts";

const CLASS_BRIDGE = 0x06;
const CLASS_PCI_BRIDGE = 0x0604;

/** A device as `lspci` prints it, without the address that its first line starts with. */
export function deviceText(device: LspciDevice, options: LspciOptions): string {
  const config = new ConfigBytes(device.bytes);
  const identity = identityOf(device, options.busCentric, config);
  const printed: PrintedDevice = { device, options, config, identity };
  let text = `${headline(printed)}\n`;
  if (options.verbosity > 0) text += detailText(printed);
  else if (options.showKernel) text += nameText(printed) + subsystemText(printed);
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
  const { config, identity } = printed;
  const layout = config.read8(commonHeader.headerType.offset) & 0x7f;
  const whole = config.has(0, HEADER_SIZE);
  const headerText = layouts[layout];
  const problem = !whole
    ? ""
    : headerText
      ? classProblem(identity.classCode, layout)
      : `\t!!! Unknown header type ${hex(layout, 2)}\n`;
  const text = nameText(printed) + subsystemText(printed) + problem + placeText(printed);
  if (!whole || !headerText) return text + membershipText(printed) + blindRegionsText(printed);
  return text + stateText(printed) + bistText(config) + headerText(printed);
}

function subsystemText({ identity, options }: PrintedDevice): string {
  const { vendor, device, subsystem } = identity;
  if (!subsystem) return "";
  return `\tSubsystem: ${subsystemName(options, { vendor, device, ...subsystem })}\n`;
}

/** A PCI bridge has layout 1, and layouts 1 and 2 belong to bridges. */
function classProblem(code: number, layout: number): string {
  const sound = layout === 0 ? code !== CLASS_PCI_BRIDGE : code >>> 8 === CLASS_BRIDGE;
  return sound ? "" : `\t!!! Invalid class ${hex(code, 4)} for header type ${hex(layout, 2)}\n`;
}
