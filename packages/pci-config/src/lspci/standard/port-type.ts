import { pcie } from "../../capabilities/pcie.ts";
import type { CapabilityText } from "../capability-text.ts";
import { fieldOf } from "../line.ts";

const { capabilities } = pcie.registers;
const { fields } = capabilities;

/** Device/port types of PCI Express (section 7.5.3.2). */
export const port = {
  endpoint: 0,
  legacyEndpoint: 1,
  root: 4,
  upstream: 5,
  downstream: 6,
  toPci: 7,
  fromPci: 8,
  integratedEndpoint: 9,
  eventCollector: 10,
} as const;

/** A port type, and whether it has a slot. */
export interface PortType {
  readonly type: number;
  readonly slot: boolean;
}

/** The port type in the capabilities register. */
export function portType(bits: number): PortType {
  const type = fieldOf(fields.portType, bits);
  return { type, slot: hasSlotBit(type) && fieldOf(fields.slotImplemented, bits) === 1 };
}

/** The port type of the function that an extended capability belongs to; undefined without PCI Express, as with PCI-X. */
export function portOf(extended: CapabilityText): number | undefined {
  if (extended.pcie === undefined) return undefined;
  return fieldOf(fields.portType, extended.config.read16(extended.pcie + capabilities.offset));
}

/** Whether a port of this type may have a slot. */
export function hasSlotBit(type: number): boolean {
  return type === port.root || type === port.downstream || type === port.fromPci;
}

/** Whether it has the root registers. */
export function isRoot(type: number): boolean {
  return type === port.root || type === port.eventCollector;
}

/** Whether it has a link. */
export function hasLink(type: number): boolean {
  return type !== port.integratedEndpoint && type !== port.eventCollector;
}

/** Whether it is an endpoint of its own on a link. */
export function isEndpoint(type: number): boolean {
  return type === port.endpoint || type === port.legacyEndpoint;
}
