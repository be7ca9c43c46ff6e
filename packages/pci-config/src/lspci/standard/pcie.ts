import { pcie } from "../../capabilities/pcie.ts";
import type { CapabilityPrinter, CapabilityText } from "../capability-text.ts";
import { fieldOf, ifSet, line, wordField } from "../line.ts";
import { device2Text, deviceText } from "./pcie-device.ts";
import { link2Text, linkText, restrictedLinkText } from "./pcie-link.ts";
import { rootText, slotText } from "./pcie-port.ts";
import { hasLink, hasSlotBit, isRoot, portType } from "./port-type.ts";

const { capabilities } = pcie.registers;
const { fields: c } = capabilities;

const types = [
  ...["Endpoint", "Legacy Endpoint", "Unknown type 2", "Unknown type 3", "Root Port", "Upstream Port"],
  ...["Downstream Port", "PCI-Express to PCI/PCI-X Bridge", "PCI/PCI-X to PCI-Express Bridge"],
  ...["Root Complex Integrated Endpoint", "Root Complex Event Collector"],
];
const type = wordField(c.portType, types, (value) => `Unknown type ${value}`);
const slot = (raw: number) =>
  hasSlotBit(fieldOf(c.portType, raw)) ? ` (Slot${raw & 0x100 ? "+" : "-"})` : "";

const version = line`Express (v${c.version}) `;
const kind = line`${type}${slot}, IntMsgNum ${c.interruptMessage}${ifSet(c.flitMode, ", FLIT Mode Supported")}\n`;

/** Bytes of the first block of registers and of the one of version 2, by what the port has. */
const FIRST = { at: 0x04, plain: 0x10, slot: 0x18, root: 0x20 } as const;
const SECOND = { at: 0x24, plain: 0x10, slot: 0x18 } as const;

/** PCI Express, of every version and port type. */
export const pcieText: CapabilityPrinter = (capability) => {
  const bits = capability.read(capabilities);
  if (!capability.verbose) return `Express ${kind(bits)}`;
  const head = version(bits) + kind(bits);
  const port = portType(bits);
  const first = isRoot(port.type) ? FIRST.root : port.slot ? FIRST.slot : FIRST.plain;
  if (!capability.has(FIRST.at, first)) return head;
  let text = head + deviceText(capability, port.type);
  const { restrictedLink } = capability.device.system ?? {};
  if (hasLink(port.type)) text += linkText(capability, port.type);
  else if (restrictedLink) text += restrictedLinkText(restrictedLink, port.type);
  if (port.slot) text += slotText(capability);
  if (isRoot(port.type)) text += rootText(capability);
  if (fieldOf(c.version, bits) < 2) return text;
  if (!capability.has(SECOND.at, port.slot ? SECOND.slot : SECOND.plain)) return text;
  return text + secondText(capability, port.type);
};

/** The registers that came with version 2. */
function secondText(capability: CapabilityText, type: number): string {
  const device = device2Text(capability, type);
  return hasLink(type) ? device + link2Text(capability, type) : device;
}
