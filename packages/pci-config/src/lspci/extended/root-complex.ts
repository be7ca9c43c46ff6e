import { eventCollectorAssociation, rootLinkDeclaration } from "../../capabilities/root-complex.ts";
import type { CapabilityPrinter, CapabilityText } from "../capability-text.ts";
import { fieldOf, hex, hexField, line, wordField } from "../line.ts";

const { self } = rootLinkDeclaration.registers;
const { links } = rootLinkDeclaration.lists;
const { registers: link } = links;
const { fields: element } = self;
const { fields: description } = link.description;

const elements = ["Config", "Egress", "Internal"];
// lspci takes the reserved bits above the element type for a part of it.
const elementType = (raw: number) => elements[raw & 0xff] ?? `??${raw & 0xff}`;

const elementLine = line`\t\tDesc:\tPortNumber=${hexField(element.port, 2)} ComponentID=${hexField(element.component, 2)} EltType=${elementType}\n`;
const linkLine = line`Desc:\tTargetPort=${hexField(description.targetPort, 2)} TargetComponent=${hexField(description.targetComponent, 2)} AssocRCRB${description.associatesBlock} LinkType=${wordField(description.type, ["MemMapped", "Config"], "")} LinkValid${description.valid}\n`;

/** Root complex link declaration. */
export const rootLinkText: CapabilityPrinter = (capability) => {
  const head = "Root Complex Link\n";
  if (!capability.verbose || !capability.has(self.offset, links.first - self.offset)) return head;
  const own = capability.read(self);
  let text = head + elementLine(own);
  for (let index = 0; index < fieldOf(element.links, own); index++) {
    const at = links.first + links.stride * index;
    text += `\t\tLink${index}:\t`;
    if (!capability.has(at, links.stride)) return `${text}<unreadable>\n`;
    text += linkText(capability, at);
  }
  return text;
};

function linkText(capability: CapabilityText, at: number): string {
  const bits = capability.read32(at + link.description.offset);
  const low = capability.read32(at + link.addressLo.offset);
  const address = hex(capability.read32(at + link.addressHi.offset), 8) + hex(low, 8);
  const place = fieldOf(description.type, bits) === 1 ? `${functionOf(low)}  CfgSpace=${address}` : address;
  return `${linkLine(bits)}\t\t\tAddr:\t${place}\n`;
}

/** The function that a link of type 1 leads to; its lowest bits tell how many there are of the bus number (section 7.9.8.3.2.2). */
function functionOf(low: number): string {
  const busBits = low & 7 || 8;
  const bus = (low >>> 20) & ((1 << busBits) - 1);
  return `${hex(bus, 2)}:${hex((low >>> 15) & 0x1f, 2)}.${(low >>> 12) & 7}`;
}

const { devices, buses } = eventCollectorAssociation.registers;
const { fields: bus } = buses;
const busRange = line`${hexField(bus.first, 2)}-${hexField(bus.last, 2)}`;
/** First bus where there are none; the last one is then 0 (section 7.9.10.3). */
const NO_BUSES = 0xff;

/** Association of endpoints with a root complex event collector. */
export const eventCollectorText: CapabilityPrinter = (capability) => {
  const head = "Root Complex Event Collector Endpoint Association\n";
  if (!capability.verbose || !capability.hasFrom(devices, buses)) return head;
  const none = (raw: string) => (capability.options.verbosity > 2 ? `${raw} [none]` : "[none]");
  const bitmap = capability.read(devices);
  const associated = bitmap === 0 ? none(hex(bitmap, 8)) : `RCiEP at Device(s): ${rangesText(bitmap)}`;
  const text = `${head}\t\tRCiEPBitmap: ${associated}\n`;
  if (capability.version < 2) return text;
  const range = capability.read(buses);
  const isEmpty = fieldOf(bus.first, range) === NO_BUSES && fieldOf(bus.last, range) === 0;
  return `${text}\t\tAssociatedBusNumbers: ${isEmpty ? none(busRange(range)) : busRange(range)}\n`;
};

/** Bits that are set, as ranges. Of one that goes up to bit 31 lspci prints the beginning only. */
function rangesText(bitmap: number): string {
  const isSet = (bit: number) => bit < 32 && ((bitmap >>> bit) & 1) === 1;
  const ranges: string[] = [];
  for (let bit = 0; bit < 32; bit++) {
    if (!isSet(bit)) continue;
    const first = bit;
    while (isSet(bit + 1)) bit++;
    ranges.push(first === bit || bit === 31 ? `${first}` : `${first}-${bit}`);
  }
  return ranges.join(", ");
}
