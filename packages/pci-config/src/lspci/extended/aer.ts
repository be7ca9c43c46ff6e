import { aer } from "../../capabilities/aer.ts";
import type { CapabilityPrinter, CapabilityText } from "../capability-text.ts";
import { hex, hexField, line } from "../line.ts";
import { isRoot, portOf } from "../standard/port-type.ts";

const r = aer.registers;
const { fields: u } = r.uncorrectableStatus;
const { fields: c } = r.correctableStatus;
const { fields: ctl } = r.control;
const { fields: cmd } = r.rootCommand;
const { fields: sta } = r.rootStatus;
const { fields: src } = r.errorSource;

const lines = {
  uncorrectable: line`:\tDLP${u.dataLinkProtocol} SDES${u.surpriseDown} TLP${u.poisonedTlp} FCP${u.flowControlProtocol} CmpltTO${u.completionTimeout} CmpltAbrt${u.completerAbort} UnxCmplt${u.unexpectedCompletion} RxOF${u.receiverOverflow} MalfTLP${u.malformedTlp}
\t\t\tECRC${u.ecrc} UnsupReq${u.unsupportedRequest} ACSViol${u.acsViolation} UncorrIntErr${u.internal} BlockedTLP${u.multicastBlocked} AtomicOpBlocked${u.atomicEgressBlocked} TLPBlockedErr${u.prefixBlocked}
\t\t\tPoisonTLPBlocked${u.poisonedEgressBlocked} DMWrReqBlocked${u.deferrableWriteBlocked} IDECheck${u.ideCheckFailed} MisIDETLP${u.misroutedIdeTlp} PCRC_CHECK${u.pcrcCheckFailed} TLPXlatBlocked${u.translationBlocked}\n`,
  correctable: line`:\tRxErr${c.receiver} BadTLP${c.badTlp} BadDLLP${c.badDllp} Rollover${c.replayRollover} Timeout${c.replayTimeout} AdvNonFatalErr${c.advisoryNonFatal} CorrIntErr${c.internal} HeaderOF${c.headerLogOverflow}\n`,
  control: line`\t\tAERCap:\tFirst Error Pointer: ${hexField(ctl.firstError, 2)}, ECRCGenCap${ctl.ecrcGenerationCapable} ECRCGenEn${ctl.ecrcGeneration} ECRCChkCap${ctl.ecrcCheckCapable} ECRCChkEn${ctl.ecrcCheck}
\t\t\tMultHdrRecCap${ctl.multipleHeaderCapable} MultHdrRecEn${ctl.multipleHeader} TLPPfxPres${ctl.prefixLogPresent} HdrLogCap${ctl.completionTimeoutLogCapable}\n`,
  rootCommand: line`\t\tRootCmd: CERptEn${cmd.correctable} NFERptEn${cmd.nonFatal} FERptEn${cmd.fatal}\n`,
  rootStatus: line`\t\tRootSta: CERcvd${sta.correctable} MultCERcvd${sta.moreCorrectable} UERcvd${sta.uncorrectable} MultUERcvd${sta.moreUncorrectable}
\t\t\t FirstFatal${sta.firstFatal} NonFatalMsg${sta.nonFatal} FatalMsg${sta.fatal} IntMsgNum ${sta.interruptMessage}\n`,
  errorSource: line`\t\tErrorSrc: ERR_COR: ${hexField(src.correctable, 4)} ERR_FATAL/NONFATAL: ${hexField(src.uncorrectable, 4)}\n`,
} as const;

const headerLog = [r.headerLog0, r.headerLog1, r.headerLog2, r.headerLog3] as const;

/** Advanced error reporting. */
export const aerText: CapabilityPrinter = (capability) => {
  const head = "Advanced Error Reporting\n";
  if (!capability.verbose || !capability.hasFrom(r.uncorrectableStatus, r.headerLog3)) return head;
  const log = headerLog.map((dword) => hex(capability.read(dword), 8)).join(" ");
  return (
    head +
    `\t\tUESta${lines.uncorrectable(capability.read(r.uncorrectableStatus))}` +
    `\t\tUEMsk${lines.uncorrectable(capability.read(r.uncorrectableMask))}` +
    `\t\tUESvrt${lines.uncorrectable(capability.read(r.uncorrectableSeverity))}` +
    `\t\tCESta${lines.correctable(capability.read(r.correctableStatus))}` +
    `\t\tCEMsk${lines.correctable(capability.read(r.correctableMask))}` +
    `${lines.control(capability.read(r.control))}\t\tHeaderLog: ${log}\n${rootText(capability)}`
  );
};

function rootText(capability: CapabilityText): string {
  const port = portOf(capability);
  if (port === undefined || !isRoot(port) || !capability.hasFrom(r.rootCommand, r.errorSource)) return "";
  return (
    lines.rootCommand(capability.read(r.rootCommand)) +
    lines.rootStatus(capability.read(r.rootStatus)) +
    lines.errorSource(capability.read(r.errorSource))
  );
}
