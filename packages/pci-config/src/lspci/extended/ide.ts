import {
  ADDRESS_ASSOCIATION,
  addressAssociation,
  FIRST_STREAM,
  ide,
  LINK_STREAM,
  linkStream,
  SELECTIVE_STREAM,
  selectiveStream,
  streamCounts,
} from "../../capabilities/ide.ts";
import type { FieldSpec, RegisterSpec } from "../../table.ts";
import type { CapabilityPrinter, CapabilityText } from "../capability-text.ts";
import { fieldOf, hex, hexField, ifSet, type Line, line, mapField, wordField } from "../line.ts";

const { fields: a } = ide.registers.capabilities;
const { fields: g } = ide.registers.control;
const { fields: l } = linkStream.control;
const { fields: ls } = linkStream.status;
const { fields: c } = selectiveStream.control;
const { fields: s } = selectiveStream.status;
const { fields: limit } = selectiveStream.ridLimit;
const { fields: base } = selectiveStream.ridBase;
const { fields: low } = addressAssociation.low;

const UNREADABLE = "\t\t<unreadable>\n";

const algorithm = (field: FieldSpec): Line => wordField(field, ["AES-GCM-256-96b"], "reserved");
const unknown = (value: number) => `??${value}`;
const state = (field: FieldSpec): Line => wordField(field, ["insecure", "reserved", "secure"], unknown);
const aggregated = (field: FieldSpec): Line => wordField(field, ["-", "=2", "=4", "=8"], "");
const headers = ["no", "17:2", "25:2", "33:2", "41:2"];

const able = line` FlowThru${a.flowThrough} PartHdr${a.partialHeader} Aggr${a.aggregation} PCPC${a.pcrc} IDE_KM${a.keyManagement} SelCfg${a.configuration} Alg='${algorithm(a.algorithms)}' TCs=${mapField(a.lastTrafficClass, (last) => last + 1)} TeeLim${a.teeLimited} XT${a.extended}\n`;
const controls = line`\t\tIDECtl: FTEn${g.flowThrough}\n`;
const traffic = line`En${c.enable} XT${c.extended} NPR${aggregated(c.aggregateNonPosted)} PR${aggregated(c.aggregatePosted)} CPL${aggregated(c.aggregateCompletions)}`;
const protection = line` HdrEnc=${wordField(c.headerEncryption, headers, unknown)} Alg='${algorithm(c.algorithm)}' TC${c.trafficClass}`;
// lspci takes the enable bit for that of PCRC.
const linkControl = line`${traffic} PCRC${l.enable}${protection} ID${l.streamId}\n`;
const linkStatus = line`Status=${state(ls.state)} RecvChkFail${ls.integrityCheckFailed}\n`;
const selectiveControl = line`${traffic} PCRC${c.pcrc} CFG${c.configuration}${protection} TeeLim${c.teeLimited} ID${c.streamId}${ifSet(c.default, " Default")}\n`;
const selectiveStatus = line`${state(s.state)} RecvChkFail${s.integrityCheckFailed}\n`;
const ridBase = line`Valid${base.valid} Base=${hexField(base.base, 1)}`;
const ridLimit = line` Limit=${hexField(limit.limit, 1)}`;
const ridSegment = line` SegBase=${hexField(base.segment, 1)}\n`;
const validity = line`Valid${low.valid}`;

/** What a line about a register begins with: from `-vvv` on, with the place of the register in the space. */
function at(capability: CapabilityText, place: number, name: string): string {
  const wanted = capability.options.verbosity > 2;
  return wanted ? `\t\t[${hex(capability.offset + place, 1)}]${name}` : `\t\t${name}`;
}

const registerAt = (capability: CapabilityText, start: number, spec: RegisterSpec) =>
  capability.read32(start + spec.offset);

function linkText(capability: CapabilityText, start: number, stream: number): string {
  const name = `LinkIDE#${stream}`;
  const control = linkControl(registerAt(capability, start, linkStream.control));
  const status = linkStatus(registerAt(capability, start, linkStream.status));
  const second = start + linkStream.status.offset;
  return `${at(capability, start, name)} Ctl: ${control}${at(capability, second, name)} Sta: ${status}`;
}

function selectiveText(capability: CapabilityText, start: number, name: string): string {
  const r = selectiveStream;
  const read = (spec: RegisterSpec) => registerAt(capability, start, spec);
  const head = (spec: RegisterSpec) => at(capability, start + spec.offset, name);
  const bounds = read(r.ridBase);
  const count = fieldOf(r.capability.fields.associations, read(r.capability));
  return (
    `${head(r.capability)} Cap: RID#=${count}\n` +
    `${head(r.control)} Ctl: ${selectiveControl(read(r.control))}` +
    `${head(r.status)} Sta: ${selectiveStatus(read(r.status))}` +
    `${head(r.ridLimit)} RID: ${ridBase(bounds)}${ridLimit(read(r.ridLimit))}${ridSegment(bounds)}`
  );
}

const MIB = 20n;

function associationText(capability: CapabilityText, start: number, name: string): string {
  const raw = registerAt(capability, start, addressAssociation.low);
  const address = (high: RegisterSpec, part: FieldSpec) =>
    (BigInt(registerAt(capability, start, high)) << 32n) | (BigInt(fieldOf(part, raw)) << MIB);
  const first = address(addressAssociation.baseHigh, low.base);
  const last = address(addressAssociation.limitHigh, low.limit) | ((1n << MIB) - 1n);
  return `${at(capability, start, name)}: ${validity(raw)} Base=${hex(first, 1)} Limit=${hex(last, 1)}\n`;
}

/** The streams. lspci reads those of links together, and the associations of a stream, and stops where it cannot. */
function streamsText(capability: CapabilityText, link: number, selective: number): string {
  let text = "";
  let start = FIRST_STREAM;
  if (!capability.has(start, LINK_STREAM * link)) return UNREADABLE;
  for (let stream = 0; stream < link; stream++, start += LINK_STREAM) {
    text += linkText(capability, start, stream);
  }
  for (let stream = 0; stream < selective; stream++) {
    const name = `SelectiveIDE#${stream}`;
    if (!capability.has(start, SELECTIVE_STREAM)) return text + UNREADABLE;
    text += selectiveText(capability, start, name);
    const count = fieldOf(selectiveStream.capability.fields.associations, capability.read32(start));
    start += SELECTIVE_STREAM;
    if (!capability.has(start, ADDRESS_ASSOCIATION * count)) return text + UNREADABLE;
    for (let turn = 0; turn < count; turn++, start += ADDRESS_ASSOCIATION) {
      text += associationText(capability, start, `${name} RID#${turn}`);
    }
  }
  return text;
}

/** Integrity and data encryption. */
export const ideText: CapabilityPrinter = (capability) => {
  const head = "Integrity & Data Encryption\n";
  if (!capability.verbose) return head;
  if (!capability.hasFrom(ide.registers.capabilities, ide.registers.control)) return head + UNREADABLE;
  const raw = capability.read(ide.registers.capabilities);
  const { link, selective } = streamCounts(a, raw);
  const counts = `\t\tIDECap: Lnk=${link} Sel=${selective}`;
  const general = `${counts}${able(raw)}${controls(capability.read(ide.registers.control))}`;
  return head + general + streamsText(capability, link, selective);
};
