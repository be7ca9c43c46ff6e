import type { Lines } from "./printed-header.ts";

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
const speeds: Record<number, string> = {
  1: "2.5GT/s",
  2: "5GT/s",
  3: "8GT/s",
  4: "16GT/s",
  5: "32GT/s",
  6: "64GT/s",
};

const payload = (code: number): string => `${128 << code} bytes`;
const aspm = ["not supported", "L0s", "L1", "L0s L1"];
const attention = ["Unknown", "On", "Blink", "Off"];

/** Lines of the PCI Express capability. */
export const pcieLines: Lines = {
  DevCap: {
    register: "deviceCapabilities",
    flags: {
      ExtTag: "extendedTag",
      AttnBtn: "attentionButton",
      AttnInd: "attentionIndicator",
      PwrInd: "powerIndicator",
      RBE: "roleBasedErrors",
      FLReset: "functionLevelReset",
    },
    says: ({ maximumPayload, phantomFunctions }) => [
      `MaxPayload ${payload(maximumPayload!)}, PhantFunc ${2 ** phantomFunctions! - 1}`,
    ],
  },
  DevCtl: {
    register: "deviceControl",
    flags: {
      CorrErr: "reportCorrectable",
      NonFatalErr: "reportNonFatal",
      FatalErr: "reportFatal",
      UnsupReq: "reportUnsupportedRequest",
      RlxdOrd: "relaxedOrdering",
      ExtTag: "extendedTag",
      PhantFunc: "phantomFunctions",
      AuxPwr: "auxiliaryPower",
      NoSnoop: "noSnoop",
      FLReset: "functionLevelReset",
      BrConfRtry: "functionLevelReset",
    },
    says: ({ maximumPayload, maximumReadRequest }) => [
      `MaxPayload ${payload(maximumPayload!)}, MaxReadReq ${payload(maximumReadRequest!)}`,
    ],
  },
  DevSta: {
    register: "deviceStatus",
    flags: {
      CorrErr: "correctableError",
      NonFatalErr: "nonFatalError",
      FatalErr: "fatalError",
      UnsupReq: "unsupportedRequest",
      AuxPwr: "auxiliaryPower",
      TransPend: "transactionsPending",
    },
  },
  LnkCap: {
    register: "linkCapabilities",
    flags: {
      ClockPM: "clockPowerManagement",
      Surprise: "surpriseDownReporting",
      LLActRep: "dataLinkActiveReporting",
      BwNot: "bandwidthNotification",
      ASPMOptComp: "aspmOptionality",
    },
    says: ({ port, maximumSpeed, maximumWidth, aspm: states }) => [
      `Port #${port}, Speed ${speeds[maximumSpeed!] ?? "unknown"}, Width x${maximumWidth}, ASPM ${aspm[states!]}`,
    ],
  },
  LnkCtl: {
    register: "linkControl",
    flags: {
      Disabled: "disable",
      CommClk: "commonClock",
      ExtSynch: "extendedSynch",
      ClockPM: "clockPowerManagement",
      AutWidDis: "autonomousWidthDisable",
      BWInt: "bandwidthManagementInterrupt",
      AutBWInt: "autonomousBandwidthInterrupt",
    },
    says: ({ aspm: states }) => [
      `ASPM ${["Disabled", "L0s Enabled", "L1 Enabled", "L0s L1 Enabled"][states!]}`,
    ],
  },
  LnkSta: {
    register: "linkStatus",
    flags: {
      TrErr: "trainingError",
      Train: "training",
      SlotClk: "slotClock",
      DLActive: "dataLinkActive",
      BWMgmt: "bandwidthManagement",
      ABWMgmt: "autonomousBandwidth",
    },
    says: ({ speed, width }) => [`Speed ${speeds[speed!] ?? "unknown"}`, `Width x${width}`],
  },
  SltCap: {
    register: "slotCapabilities",
    flags: {
      AttnBtn: "attentionButton",
      PwrCtrl: "powerController",
      MRL: "mrlSensor",
      AttnInd: "attentionIndicator",
      PwrInd: "powerIndicator",
      HotPlug: "hotPlug",
      Surprise: "hotPlugSurprise",
      Interlock: "interlock",
      NoCompl: "noCommandCompleted",
    },
    says: ({ slot, powerLimitValue, powerLimitScale }) => [
      `Slot #${slot}, PowerLimit ${Number((powerLimitValue! / 10 ** powerLimitScale!).toPrecision(3))}W`,
    ],
  },
  "SltCtl/Enable": {
    register: "slotControl",
    flags: {
      AttnBtn: "attentionButtonEvent",
      PwrFlt: "powerFaultEvent",
      MRL: "mrlSensorEvent",
      PresDet: "presenceEvent",
      CmdCplt: "commandCompletedInterrupt",
      HPIrq: "hotPlugInterrupt",
      LinkChg: "linkStateEvent",
    },
  },
  "SltCtl/Control": {
    register: "slotControl",
    flags: { Power: "powerOff", Interlock: "interlock" },
    says: ({ attentionIndicator, powerIndicator }) => [
      `AttnInd ${attention[attentionIndicator!]}, PwrInd ${attention[powerIndicator!]}`,
    ],
  },
  "SltSta/Status": {
    register: "slotStatus",
    flags: {
      AttnBtn: "attentionButton",
      PowerFlt: "powerFault",
      MRL: "mrlOpen",
      CmdCplt: "commandCompleted",
      PresDet: "present",
      Interlock: "interlocked",
    },
  },
  "SltSta/Changed": {
    register: "slotStatus",
    flags: { MRL: "mrlSensorChanged", PresDet: "presenceChanged", LinkState: "linkStateChanged" },
  },
  RootCap: { register: "rootCapabilities", flags: { CRSVisible: "retryVisibility" } },
  RootCtl: {
    register: "rootControl",
    flags: {
      ErrCorrectable: "systemErrorOnCorrectable",
      "ErrNon-Fatal": "systemErrorOnNonFatal",
      ErrFatal: "systemErrorOnFatal",
      PMEIntEna: "pmeInterrupt",
      CRSVisible: "retryVisibility",
    },
  },
  RootSta: {
    register: "rootStatus",
    flags: { PMEStatus: "pmeStatus", PMEPending: "pmePending" },
    says: ({ pmeRequester }) => [`ReqID ${hex(pmeRequester!, 4)}`],
  },
  DevCap2: {
    register: "deviceCapabilities2",
    flags: {
      TimeoutDis: "completionTimeoutDisable",
      NROPrPrP: "noRelaxedOrderingPassing",
      LTR: "latencyTolerance",
      "10BitTagComp": "tag10Completer",
      "10BitTagReq": "tag10Requester",
      ExtFmt: "extendedFmt",
      EETLPPrefix: "endToEndPrefix",
      EmergencyPowerReductionInit: "emergencyPowerInitialization",
      FRS: "frs",
      TPHComp: ({ tphCompleter }) => (Number(tphCompleter) & 1) !== 0,
      ExtTPHComp: ({ tphCompleter }) => (Number(tphCompleter) & 2) !== 0,
      ARIFwd: "ariForwarding",
    },
    says: ({ obff, endToEndPrefix, endToEndPrefixes }) => [
      `OBFF ${["Not Supported", "Via message", "Via WAKE#", "Via message/WAKE#"][obff!]}`,
      ...(endToEndPrefix ? [`MaxEETLPPrefixes ${endToEndPrefixes || 4}`] : []),
    ],
  },
  "DevCap2/AtomicOpsCap": {
    register: "deviceCapabilities2",
    flags: {
      Routing: "atomicRouting",
      "32bit": "atomic32",
      "64bit": "atomic64",
      "128bitCAS": "compareAndSwap128",
    },
  },
  DevCtl2: {
    register: "deviceControl2",
    flags: {
      TimeoutDis: "completionTimeoutDisable",
      LTR: "latencyTolerance",
      "10BitTagReq": "tag10Requester",
      ARIFwd: "ariForwarding",
    },
    says: ({ obff }) => [`OBFF ${["Disabled", "Via message A", "Via message B", "Via WAKE#"][obff!]}`],
  },
  "DevCtl2/AtomicOpsCtl": {
    register: "deviceControl2",
    flags: { ReqEn: "atomicRequester", EgressBlck: "atomicEgressBlocking" },
  },
  LnkCap2: {
    register: "linkCapabilities2",
    flags: {
      Crosslink: "crosslink",
      Retimer: "retimerDetection",
      "2Retimers": "twoRetimersDetection",
      DRS: "drs",
    },
  },
  LnkCtl2: {
    register: "linkControl2",
    flags: {
      EnterCompliance: "enterCompliance",
      SpeedDis: "autonomousSpeedDisable",
      EnterModifiedCompliance: "enterModifiedCompliance",
      ComplianceSOS: "complianceSos",
    },
    says: ({ targetSpeed }) => [
      `Target Link Speed: ${targetSpeed === 0 ? "2.5GT/s" : (speeds[targetSpeed!] ?? "Unknown")}`,
    ],
  },
  LnkSta2: {
    register: "linkStatus2",
    flags: {
      EqualizationComplete: "equalizationComplete",
      EqualizationPhase1: "equalizationPhase1",
      EqualizationPhase2: "equalizationPhase2",
      EqualizationPhase3: "equalizationPhase3",
      LinkEqualizationRequest: "equalizationRequest",
      Retimer: "retimer",
      "2Retimers": "twoRetimers",
      DRS: "drsReceived",
    },
    says: ({ deemphasis, crosslinkResolution }) => [
      `De-emphasis Level: ${["-6dB", "-3.5dB"][deemphasis!]}`,
      `CrosslinkRes: ${["unsupported", "Upstream Port", "Downstream Port", "incomplete"][crosslinkResolution!]}`,
    ],
  },
};
