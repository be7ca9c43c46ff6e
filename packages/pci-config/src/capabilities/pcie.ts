import { capability } from "../capability.ts";
import { rawAt } from "../register.ts";
import { bits, fieldOf, flag, register } from "../table.ts";
import type { Traits } from "../view.ts";
import { deviceRegisters } from "./pcie-device.ts";
import { linkRegisters } from "./pcie-link.ts";
import { portRegisters } from "./pcie-port.ts";

/** Device/port types (section 7.5.3.2), by value. */
const portTypes = [
  "endpoint",
  "legacy endpoint",
  undefined,
  undefined,
  "root port",
  "upstream switch port",
  "downstream switch port",
  "PCI Express to PCI bridge",
  "PCI to PCI Express bridge",
  "root complex integrated endpoint",
  "root complex event collector",
];

const ROOT_PORT = 4;
const DOWNSTREAM_PORT = 6;
const REVERSE_BRIDGE = 8;
const INTEGRATED_ENDPOINT = 9;
const EVENT_COLLECTOR = 10;

/** Whether a port of this type has the registers of a root port. */
export function isRootType(type: number): boolean {
  return type === ROOT_PORT || type === EVENT_COLLECTOR;
}

const capabilities = register(0x02, 16, "7.5.3.2", "PCI Express Capabilities", {
  version: bits(3, 0, "RO", "Version of the structure"),
  portType: bits(7, 4, "RO", "Device/port type", portTypes),
  slotImplemented: flag(8, "HwInit", "The link leads to a slot"),
  interruptMessage: bits(13, 9, "RO", "Vector of the capability's own interrupts"),
  flitMode: flag(15, "HwInit", "Flit mode (PCI Express 6.0)"),
});

function* traitsOf(flags: number): Generator<string> {
  const { version, portType, slotImplemented } = capabilities.fields;
  const version2 = fieldOf(version, flags) >= 2;
  const type = fieldOf(portType, flags);
  const hasLink = type !== INTEGRATED_ENDPOINT && type !== EVENT_COLLECTOR;
  const hasSlot =
    (type === ROOT_PORT || type === DOWNSTREAM_PORT || type === REVERSE_BRIDGE) &&
    fieldOf(slotImplemented, flags) !== 0;
  if (version2) yield "version2";
  if (isRootType(type)) yield "root";
  if (hasLink) yield "link";
  if (hasLink && version2) yield "link2";
  if (hasSlot) yield "slot";
  if (hasSlot && version2) yield "slot2";
}

/**
 * Version 1 ends after the last block that the port type has; from version 2 on a function with a link has all blocks,
 * and one without ends after its device registers, as `drivers/vfio/pci/vfio_pci_config.c` counts (row R7).
 */
function lengthOf(traits: Traits): number {
  if (traits.has("version2")) return traits.has("link") ? 0x3c : 0x2c;
  if (traits.has("root")) return 0x24;
  if (traits.has("slot")) return 0x1c;
  return traits.has("link") ? 0x14 : 0x0c;
}

/** PCI Express (section 7.5.3), versions 1 and 2, with the blocks that the port type has. */
export const pcie = capability({
  id: 0x10,
  title: "PCI Express",
  traits: (region, offset) => traitsOf(rawAt(region, offset, capabilities)),
  length: (_region, _offset, traits) => lengthOf(traits),
  registers: {
    capabilities,
    ...deviceRegisters,
    ...linkRegisters,
    ...portRegisters,
  },
});
