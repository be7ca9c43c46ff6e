import type { Lines } from "./printed-header.ts";
import { pcieLines } from "./printed-pcie.ts";

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");

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
    says: ({ firstError }) => [`First Error Pointer: ${hex(firstError!, 2)}`],
  },
  RootCmd: {
    register: "rootCommand",
    flags: { CERptEn: "correctable", NFERptEn: "nonFatal", FERptEn: "fatal" },
  },
  RootSta: {
    register: "rootStatus",
    flags: {
      CERcvd: "correctable",
      MultCERcvd: "moreCorrectable",
      UERcvd: "uncorrectable",
      MultUERcvd: "moreUncorrectable",
      FirstFatal: "firstFatal",
      NonFatalMsg: "nonFatal",
      FatalMsg: "fatal",
    },
    says: ({ interruptMessage }) => [`IntMsg ${interruptMessage}`],
  },
  ErrorSrc: {
    register: "errorSource",
    says: ({ correctable, uncorrectable }) => [
      `ERR_COR: ${hex(correctable!, 4)} ERR_FATAL/NONFATAL: ${hex(uncorrectable!, 4)}`,
    ],
  },
};

const accessFlags = {
  SrcValid: "sourceValidation",
  TransBlk: "translationBlocking",
  ReqRedir: "requestRedirect",
  CmpltRedir: "completionRedirect",
  UpstreamFwd: "upstreamForwarding",
  EgressCtrl: "egressControl",
  DirectTrans: "directTranslated",
};
const accessLines: Lines = {
  ACSCap: { register: "capabilities", flags: accessFlags },
  ACSCtl: { register: "control", flags: accessFlags },
};

const functionGroups = { MFVC: "vcFunctionGroups", ACS: "acsFunctionGroups" };
const routingLines: Lines = {
  ARICap: {
    register: "capabilities",
    flags: functionGroups,
    says: ({ nextFunction }) => [`Next Function: ${nextFunction} `],
  },
  ARICtl: {
    register: "control",
    flags: functionGroups,
    says: ({ functionGroup }) => [`Function Group: ${functionGroup} `],
  },
};

const virtualizationLines: Lines = {
  IOVCap: {
    register: "capabilities",
    flags: { Migration: "migration", "10BitTagReq": "tag10Requester" },
    says: ({ migrationMessage }) => [`Interrupt Message Number: ${hex(migrationMessage!, 3)}`],
  },
  IOVCtl: {
    register: "control",
    flags: {
      Enable: "enable",
      Migration: "migration",
      Interrupt: "migrationInterrupt",
      MSE: "memorySpace",
      ARIHierarchy: "ariHierarchy",
      "10BitTagReq": "tag10Requester",
    },
  },
  IOVSta: { register: "status", flags: { Migration: "migration" } },
};

const msixSpan = ({ bar, offset }: Record<string, number>): string[] => [
  `BAR=${bar} offset=${hex(offset!, 8)}`,
];

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
  accessControl: accessLines,
  alternativeRoutingId: routingLines,
  sriov: virtualizationLines,
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
