import { multicast } from "../../capabilities/multicast.ts";
import type { CapabilityPrinter, CapabilityText } from "../capability-text.ts";
import { fieldOf, hex, line, mapField } from "../line.ts";
import { port, portOf } from "../standard/port-type.ts";

const r = multicast.registers;
const { fields: cap } = r.capabilities;
const { fields: ctl } = r.control;

/** Bytes that lspci wants, 4 more than there are. */
const LENGTH = 0x30;
/** Ports, which can mend an ECRC, and endpoints, which ask for a window and have no overlay. */
const ports: ReadonlySet<number | undefined> = new Set([port.root, port.upstream, port.downstream]);
const endpoints: ReadonlySet<number | undefined> = new Set([port.endpoint, port.integratedEndpoint]);
/** Least size of an overlay, as a power of 2. */
const LEAST_OVERLAY = 6;

const groups = (highest: number) => highest + 1;
/** A power of 2; lspci shifts within 32 bits, signed: so does this. */
const size = (power: number) => `${power} (${1 << power} bytes)`;

const lines = {
  capabilities: line`\t\tMcastCap: MaxGroups ${mapField(cap.maximumGroup, groups)}`,
  ecrc: line`, ECRCRegen${cap.ecrcRegeneration}\n`,
  window: line`, WindowSz ${mapField(cap.requestedWindow, size)}`,
  control: line`\t\tMcastCtl: NumGroups ${mapField(ctl.highestGroup, groups)}, Enable${ctl.enable}\n`,
} as const;

/** Multicast. Only the capabilities of a port end with their line. */
export const multicastText: CapabilityPrinter = (capability) => {
  const head = "Multicast\n";
  if (!capability.verbose || !capability.has(r.capabilities.offset, LENGTH)) return head;
  const able = capability.read(r.capabilities);
  const type = portOf(capability);
  const isEndpoint = endpoints.has(type);
  let text = head + lines.capabilities(able);
  if (isEndpoint) text += lines.window(able);
  else if (ports.has(type)) text += lines.ecrc(able);
  text += lines.control(capability.read(r.control)) + addressText(capability);
  return isEndpoint ? text : text + overlayText(capability);
};

function addressText(capability: CapabilityText): string {
  const vector = ({ offset }: { readonly offset: number }) => hex(capability.read64(offset), 16);
  const base = addressAt(capability, r.baseLo);
  const position = fieldOf(r.baseLo.fields.indexPosition, capability.read(r.baseLo));
  return (
    `\t\tMcastBAR: IndexPos ${position}, BaseAddr ${hex(base, 16)}\n` +
    `\t\tMcastReceiveVec:      ${vector(r.receiveLo)}\n` +
    `\t\tMcastBlockAllVec:     ${vector(r.blockAllLo)}\n` +
    `\t\tMcastBlockUntransVec: ${vector(r.blockUntranslatedLo)}\n`
  );
}

/** An address whose lowest bits hold something else. */
function addressAt(
  capability: CapabilityText,
  { offset, fields }: typeof r.baseLo | typeof r.overlayLo,
): bigint {
  return (capability.read64(offset) >> BigInt(fields.address.lo)) << BigInt(fields.address.lo);
}

function overlayText(capability: CapabilityText): string {
  const power = fieldOf(r.overlayLo.fields.size, capability.read(r.overlayLo));
  const base = addressAt(capability, r.overlayLo);
  const shown = power < LEAST_OVERLAY ? `${power} (disabled)` : size(power);
  return `\t\tMcastOverlayBAR: OverlaySize ${shown}, BaseAddr ${hex(base, 16)}\n`;
}
