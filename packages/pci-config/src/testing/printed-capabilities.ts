import type { Lines } from "./printed-header.ts";
import { pcieLines } from "./printed-pcie.ts";

const currents = [0, 55, 100, 160, 220, 270, 320, 375];

const pmLines: Lines = {
  Flags: {
    register: "capabilities",
    flags: { PMEClk: "pmeClock", DSI: "deviceSpecificInitialization" },
    says: (fields) => [
      `D1${sign(fields.d1)} D2${sign(fields.d2)} AuxCurrent=${currents[fields.auxiliaryCurrent!]}mA`,
      `PME(D0${sign(fields.pmeFromD0)},D1${sign(fields.pmeFromD1)},D2${sign(fields.pmeFromD2)}`,
      `D3hot${sign(fields.pmeFromD3Hot)},D3cold${sign(fields.pmeFromD3Cold)})`,
    ],
  },
  Status: {
    register: "control",
    flags: { NoSoftRst: "noSoftReset", "PME-Enable": "pmeEnable", PME: "pmeStatus" },
    says: ({ powerState, dataSelect, dataScale }) => [
      `D${powerState}`,
      `DSel=${dataSelect} DScale=${dataScale}`,
    ],
  },
  // lspci prints the complement of the B2/B3 bit.
  Bridge: { register: "bridge", flags: { PM: "busPowerClockControl", B3: ({ b2b3 }) => !b2b3 } },
};

function sign(set: unknown): string {
  return set ? "+" : "-";
}

const uncorrectableFlags = {
  DLP: "dataLinkProtocol",
  SDES: "surpriseDown",
  TLP: "poisonedTlp",
  FCP: "flowControlProtocol",
  CmpltTO: "completionTimeout",
  CmpltAbrt: "completerAbort",
  UnxCmplt: "unexpectedCompletion",
  RxOF: "receiverOverflow",
  MalfTLP: "malformedTlp",
  ECRC: "ecrc",
  UnsupReq: "unsupportedRequest",
  ACSViol: "acsViolation",
};

const correctableFlags = {
  RxErr: "receiver",
  BadTLP: "badTlp",
  BadDLLP: "badDllp",
  Rollover: "replayRollover",
  Timeout: "replayTimeout",
  AdvNonFatalErr: "advisoryNonFatal",
};

const aerLines: Lines = {
  UESta: { register: "uncorrectableStatus", flags: uncorrectableFlags },
  UEMsk: { register: "uncorrectableMask", flags: uncorrectableFlags },
  UESvrt: { register: "uncorrectableSeverity", flags: uncorrectableFlags },
  CESta: { register: "correctableStatus", flags: correctableFlags },
  CEMsk: { register: "correctableMask", flags: correctableFlags },
  AERCap: {
    register: "control",
    flags: {
      ECRCGenCap: "ecrcGenerationCapable",
      ECRCGenEn: "ecrcGeneration",
      ECRCChkCap: "ecrcCheckCapable",
      ECRCChkEn: "ecrcCheck",
      MultHdrRecCap: "multipleHeaderCapable",
      MultHdrRecEn: "multipleHeader",
      TLPPfxPres: "prefixLogPresent",
      HdrLogCap: "completionTimeoutLogCapable",
    },
    says: ({ firstError }) => [`First Error Pointer: ${firstError!.toString(16).padStart(2, "0")}`],
  },
};

const hex = (value: number): string => value.toString(16).padStart(8, "0");
const msixSpan = ({ bar, offset }: Record<string, number>): string[] => [`BAR=${bar} offset=${hex(offset!)}`];

/** Lines of each capability that is compared, by our name. */
export const capabilityLines: Readonly<Record<string, Lines>> = {
  pm: pmLines,
  msix: {
    head: {
      register: "control",
      flags: { Enable: "enable", Masked: "functionMask" },
      says: ({ tableSize }) => [`Count=${tableSize! + 1} `],
    },
    "Vector table": { register: "table", says: msixSpan },
    PBA: { register: "pba", says: msixSpan },
  },
  msi: {
    head: {
      register: "control",
      flags: { Enable: "enable", Maskable: "perVectorMasking", "64bit": "address64" },
      says: ({ multipleEnable, multipleCapable }) => [
        `Count=${1 << multipleEnable!}/${1 << multipleCapable!} `,
      ],
    },
  },
  pcie: pcieLines,
  aer: aerLines,
};

/** How lspci begins the first line of a capability, by our name. */
export const capabilityHeads: Readonly<Record<string, string>> = {
  pm: "Power Management version",
  msi: "MSI: ",
  msix: "MSI-X: ",
  pcie: "Express (v",
  vendor: "Vendor Specific Information",
  subsystem: "Subsystem: ",
  sata: "SATA HBA",
  hotPlug: "Hot-plug capable",
  slotId: "Slot ID",
  aer: "Advanced Error Reporting",
  serialNumber: "Device Serial Number",
  accessControl: "Access Control Services",
  alternativeRoutingId: "Alternative Routing-ID Interpretation",
  sriov: "Single Root I/O Virtualization",
};
