import { hyperTransport, hyperTransportType } from "../../capabilities/hypertransport.ts";
import type { RegisterSpec } from "../../table.ts";
import type { CapabilityPrinter, CapabilityText } from "../capability-text.ts";
import { fieldOf, hex, hexField, type Line, line, mapField, wordField } from "../line.ts";

const r = hyperTransport.registers;
const { fields: primary } = r.command;
const { fields: host } = r.hostCommand;
const { fields: control } = r.linkControl0;
const { fields: config } = r.linkConfig0;
const { fields: revision } = r.revision;
const { fields: frequency } = r.frequency0;
const { fields: able } = r.frequencies0;
const { fields: feature } = r.features;
const { fields: hostFeature } = r.hostFeatures;
const { fields: error } = r.errorHandling;
const { fields: map } = r.msiMapping;

/** Revisions from which there are more registers, and those between that lspci does not know. */
const REVISION_1_02 = 0x22;
const LAST_OLD_REVISION = 0x11;

const bracketed = (value: number) => `[${value.toString(16)}]`;
const widths = ["8bit", "16bit", "[2]", "32bit", "2bit", "4bit", "[6]", "N/C"];
const clocks = [
  "200MHz",
  "300MHz",
  "400MHz",
  "500MHz",
  "600MHz",
  "800MHz",
  "1.0GHz",
  "1.2GHz",
  "1.4GHz",
  "1.6GHz",
];
const clock = wordField(frequency.frequency, clocks, (value) => (value === 15 ? "Vend" : bracketed(value)));
const width = (field: (typeof config)["widthIn" | "widthOut" | "maximumIn" | "maximumOut"]) =>
  wordField(field, widths, "");

const lines = {
  command: line`BaseUnitID=${primary.baseUnitId} UnitCnt=${primary.unitCount} MastHost${primary.masterHost} DefDir${primary.defaultDirection}`,
  commandMore: line` DUL${primary.dropOnUninitialized}`,
  hostCommand: line`WarmRst${host.warmReset} DblEnd${host.doubleEnded}`,
  hostCommandMore: line` DevNum=${host.device} ChainSide${host.chainSide} HostHide${host.hostHide} Slave${host.actAsSlave} <EOCErr${host.endOfChainError} DUL${host.dropOnUninitialized}`,
  control: line`CFlE${control.crcFloodEnable} CST${control.crcStartTest} CFE${control.crcForceError} <LkFail${control.linkFailure} Init${control.initialized} EOC${control.endOfChain} TXO${control.transmitterOff} <CRCErr=${hexField(control.crcError, 1)}`,
  controlMore: line` IsocEn${control.isochronous} LSEn${control.ldtStop} ExtCTL${control.extendedCtl} 64b${control.address64}`,
  config: line`MLWI=${width(config.maximumIn)} MLWO=${width(config.maximumOut)} LWI=${width(config.widthIn)} LWO=${width(config.widthOut)}`,
  configMore: line`MLWI=${width(config.maximumIn)} DwFcIn${config.doublewordIn} MLWO=${width(config.maximumOut)} DwFcOut${config.doublewordOut} LWI=${width(config.widthIn)} DwFcInEn${config.doublewordInEnable} LWO=${width(config.widthOut)} DwFcOutEn${config.doublewordOutEnable}`,
  revision: line`Revision ID: ${revision.major}.${mapField(revision.minor, (minor) => String(minor).padStart(2, "0"))}\n`,
  errors: line`<Prot${frequency.protocolError} <Ovfl${frequency.overflow} <EOC${frequency.endOfChainError} CTLTm${frequency.ctlTimeout}`,
  // lspci looks for the fastest clocks in a byte that does not hold them.
  frequencies: line`200MHz${able.mhz200} 300MHz${able.mhz300} 400MHz${able.mhz400} 500MHz${able.mhz500} 600MHz${able.mhz600} 800MHz${able.mhz800} 1.0GHz${able.mhz1000} 1.2GHz${able.mhz1200} 1.4GHz- 1.6GHz- Vend-`,
  features: line`\t\tFeature Capability: IsocFC${feature.isochronous} LDTSTOP${feature.ldtStop} CRCTM${feature.crcTest} ECTLT${feature.extendedCtl} 64bA${feature.address64} UIDRD${feature.unitIdReorderDisable}`,
  hostFeatures: line` ExtRS${hostFeature.extendedRegisterSet} UCnfE${hostFeature.upstreamConfiguration}`,
  handling: line`\t\tError Handling: PFlE${error.protocolFlood} OFlE${error.overflowFlood} PFE${error.protocolFatal} OFE${error.overflowFatal} EOCFE${error.endOfChainFatal} RFE${error.responseFatal} CRCFE${error.crcFatal} SERRFE${error.systemErrorFatal} CF${error.chainFail} RE${error.responseError} PNFE${error.protocolNonFatal} ONFE${error.overflowNonFatal} EOCNFE${error.endOfChainNonFatal} RNFE${error.responseNonFatal} CRCNFE${error.crcNonFatal} SERRNFE${error.systemErrorNonFatal}\n`,
  mapping: line`MSI Mapping Enable${map.enable} Fixed${map.fixed}\n`,
} as const satisfies Record<string, Line>;

/** Types of which only the name is printed. */
const names: Readonly<Record<number, string>> = {
  8: "Switch",
  16: "Interrupt Discovery and Configuration",
  18: "UnitID Clumping",
  19: "Extended Configuration Space Access",
  20: "Address Mapping",
  22: "DirectRoute",
  23: "VCSet",
  24: "Retry Mode",
  25: "X86 (reserved)",
};

/** Types that have more to say. */
const printers: Readonly<Record<number, CapabilityPrinter>> = {
  0: primaryText,
  4: secondaryText,
  17: (capability) => lines.revision(capability.read8(2)),
  21: mappingText,
};

/** HyperTransport, by its type. */
export const hyperTransportText: CapabilityPrinter = (capability) => {
  const type = hyperTransportType(capability.read16(2));
  const print = printers[type];
  return `HyperTransport: ${print ? print(capability) : `${names[type] ?? `#${hex(type, 2)}`}\n`}`;
};

/** What a link prints, beside registers whose place depends on the side. */
interface Link {
  readonly number: string;
  readonly control: RegisterSpec;
  readonly config: RegisterSpec;
}

function linkText(capability: CapabilityText, { number, control, config }: Link, more: boolean): string {
  const bits = capability.read(control);
  const state = `${lines.control(bits)}${more ? lines.controlMore(bits) : ""}`;
  const widths = (more ? lines.configMore : lines.config)(capability.read(config));
  return `\t\tLink Control${number}: ${state}\n\t\tLink Config${number}: ${widths}\n`;
}

function frequencyText(
  capability: CapabilityText,
  number: string,
  frequency: RegisterSpec,
  ability: RegisterSpec,
): string {
  const bits = capability.read(frequency);
  return (
    `\t\tLink Frequency${number}: ${clock(bits)}\n\t\tLink Error${number}: ${lines.errors(bits)}\n` +
    `\t\tLink Frequency Capability${number}: ${lines.frequencies(capability.read(ability))}\n`
  );
}

/** A revision that lspci does not know well. */
function revisionWarning(bits: number): string {
  const unknown = bits < REVISION_1_02 && bits > LAST_OLD_REVISION;
  return unknown ? "\t\t!!! Possibly incomplete decoding\n" : "";
}

function upperText(base: number, limit: number): string {
  return `\t\tPrefetchable memory behind bridge Upper: ${hex(base, 2)}-${hex(limit, 2)}\n`;
}

function primaryText(capability: CapabilityText): string {
  const head = "Slave or Primary Interface\n";
  if (!capability.verbose || !capability.has(4, 0x18)) return head;
  const rid = capability.read(r.revision);
  const more = rid >= REVISION_1_02;
  const command = capability.read(r.command);
  const state =
    `${revisionWarning(rid)}\t\tCommand: ${lines.command(command)}${more ? lines.commandMore(command) : ""}\n` +
    linkText(capability, { number: " 0", control: r.linkControl0, config: r.linkConfig0 }, more) +
    linkText(capability, { number: " 1", control: r.linkControl1, config: r.linkConfig1 }, more) +
    `\t\t${lines.revision(rid)}`;
  if (!more) return head + state;
  return (
    head +
    state +
    frequencyText(capability, " 0", r.frequency0, r.frequencies0) +
    `${lines.features(capability.read(r.features))}\n` +
    frequencyText(capability, " 1", r.frequency1, r.frequencies1) +
    lines.handling(capability.read(r.errorHandling)) +
    upperText(capability.read(r.memoryBaseUpper), capability.read(r.memoryLimitUpper)) +
    `\t\tBus Number: ${hex(capability.read(r.bus), 2)}\n`
  );
}

function secondaryText(capability: CapabilityText): string {
  const head = "Host or Secondary Interface\n";
  if (!capability.verbose || !capability.has(4, 0x14)) return head;
  const rid = capability.read(r.hostRevision);
  const more = rid >= REVISION_1_02;
  const command = capability.read(r.hostCommand);
  const state =
    `${revisionWarning(rid)}\t\tCommand: ${lines.hostCommand(command)}${more ? lines.hostCommandMore(command) : ""}\n` +
    linkText(capability, { number: "", control: r.hostLinkControl, config: r.hostLinkConfig }, more) +
    `\t\t${lines.revision(rid)}`;
  if (!more) return head + state;
  const features = capability.read(r.hostFeatures);
  const text =
    head +
    state +
    frequencyText(capability, "", r.hostFrequency, r.hostFrequencies) +
    `${lines.features(features)}${lines.hostFeatures(features)}\n`;
  if (fieldOf(hostFeature.extendedRegisterSet, features) === 0) return text;
  return (
    text +
    lines.handling(capability.read(r.hostErrorHandling)) +
    upperText(capability.read(r.hostMemoryBaseUpper), capability.read(r.hostMemoryLimitUpper))
  );
}

function mappingText(capability: CapabilityText): string {
  const bits = capability.read(r.msiMapping);
  const head = lines.mapping(bits);
  if (!capability.verbose || fieldOf(map.fixed, bits) === 1 || !capability.has(4, 8)) return head;
  const low = capability.read32(4) & 0xfff0_0000;
  return `${head}\t\tMapping Address Base: ${hex(capability.read32(8), 8)}${hex(low >>> 0, 8)}\n`;
}
