import { intelCapabilities } from "../../capabilities/intel.ts";
import type { FieldSpec } from "../../table.ts";
import type { CapabilityText } from "../capability-text.ts";
import { fieldOf, type Line, line, mapField, wordField } from "../line.ts";

const { a, b, c } = intelCapabilities;
const { fields: fa } = a;
const { fields: fb } = b;
const { fields: fc } = c;

/** MHz of a step of the memory clock. */
const STEP = 266.6;
const mhz = (steps: number) => `${Math.floor(steps * STEP)}MHz`;
const TOP_DDR3 = 11;

const referenceClock = (value: number) =>
  value === 0 ? "Disabled" : value === 7 ? "Unlimited" : `${1200 + 200 * value}MHz`;
/** lspci prints the limit of gear 1 for every other one that is there. */
const limitedBy =
  (field: FieldSpec): Line =>
  (raw) =>
    fieldOf(field, raw) === 0 ? "Unlimited" : mhz(fieldOf(fc.gear1Frequency, raw));

const capA = line`\t\tCapA: Peg60Dis${fa.peg60Disable} Peg12Dis${fa.peg12Disable} Peg11Dis${fa.peg11Disable} Peg10Dis${fa.peg10Disable} PeLWUDis${fa.pegWidthUpDisable} DmiWidth=${wordField(fa.dmiWidth, ["x4", "x2"], "")}
\t\t      EccDis${fa.eccDisable} ForceEccEn${fa.forceEcc} VTdDis${fa.vtdDisable} DmiG2Dis${fa.dmiGen2Disable} PegG2Dis${fa.pegGen2Disable} DDRMaxSize=${wordField(fa.ddrSize, ["Unlimited", "8GB/chan", "2GB/chan", "0.5GB/chan"], "")}
\t\t      1NDis${fa.timing1NDisable} CDDis${fa.channelsDisable} DDPCDis${fa.dualDimmDisable} X2APICEn${fa.x2apic} PDCDis${fa.pdcDisable} IGDis${fa.graphicsDisable} CDID=${fa.compatibilityDevice} CRID=${fa.compatibilityRevision}
\t\t      DDROCCAP${fa.ddrOverclocking} OCEn${fa.overclocking} DDRWrtVrefEn${fa.ddrWriteVref} DDR3LEn${fa.ddr3LowVoltage}
`;

const capB = line`\t\tCapB: ImguDis${fb.imageDisable} OCbySSKUCap${fb.overclockingBySkuCapable} OCbySSKUEn${fb.overclockingBySku} SMTCap${fb.smt} CacheSzCap 0x${fb.cacheSize}
\t\t      SoftBinCap${fb.softBin} DDR3MaxFreqWithRef100=${mapField(fb.ddr3Reference100, referenceClock)} PegG3Dis${fb.pegGen3Disable}
\t\t      PkgTyp${fb.packageType} AddGfxEn${fb.addedGraphics} AddGfxCap${fb.addedGraphicsCapable} PegX16Dis${fb.pegX16Disable} DmiG3Dis${fb.dmiGen3Disable} GmmDis${fb.gmmDisable}
\t\t      DDR3MaxFreq=${mapField(fb.ddr3Frequency, (value) => mhz(TOP_DDR3 - value))} LPDDR3En${fb.lpddr3}
`;

const capC = line`\t\tCapC: PegG4Dis${fc.pegGen4Disable} DDR4MaxFreq=${limitedBy(fc.ddr4Frequency)} LPDDREn${fc.lpddr} LPDDR4MaxFreq=${limitedBy(fc.lpddr4Frequency)} LPDDR4En${fc.lpddr4}
\t\t      QClkGvDis${fc.qclkDisable} SgxDis${fc.sgxDisable} BClkOC=${wordField(fc.baseClock, ["Disabled", "115MHz", "130MHz", "Unlimited"], "")} IddDis${fc.iddDisable} Pipe3Dis${fc.pipe3Disable} Gear1MaxFreq=${limitedBy(fc.gear1Frequency)}
`;

const lines = [
  { register: a, print: capA },
  { register: b, print: capB },
  { register: c, print: capC },
] as const;

/** What Intel's vendor-specific capabilities hold, by their upper four bits. */
const CAPABILITIES = 0;
const FEATURE_DETECTION = 1;

/** Intel's vendor-specific capability of `length` bytes. It prints in full with `-v` too. */
export function intelText(capability: CapabilityText, length: number): string {
  const bits = capability.read8(3);
  if (bits >>> 4 === FEATURE_DETECTION) return "Intel Feature Detection\n";
  if (bits >>> 4 !== CAPABILITIES) return "Intel <unknown>\n";
  const version = bits & 0xf;
  let text = `Intel Capabilities v${version}\n`;
  if (version !== 1) return text;
  if (!capability.has(0, length)) return `${text}${unknownVendorText(length)}`;
  for (const { register, print } of lines) {
    if (length >= register.offset + 4) text += print(capability.read(register));
  }
  return text;
}

/** A vendor-specific capability of which nothing but the length is known. */
export function unknownVendorText(length: number): string {
  return `Len=${length.toString(16).padStart(2, "0")} <?>\n`;
}
