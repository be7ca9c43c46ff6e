import { capability } from "../capability.ts";
import { type Access, bits, flag, register, value } from "../table.ts";

function uncorrectable<const A extends Access>(access: A) {
  return {
    dataLinkProtocol: flag(4, access, "Data link protocol error"),
    surpriseDown: flag(5, access, "Surprise down"),
    poisonedTlp: flag(12, access, "Poisoned TLP received"),
    flowControlProtocol: flag(13, access, "Flow control protocol error"),
    completionTimeout: flag(14, access, "Completion timeout"),
    completerAbort: flag(15, access, "Completer abort"),
    unexpectedCompletion: flag(16, access, "Unexpected completion"),
    receiverOverflow: flag(17, access, "Receiver overflow"),
    malformedTlp: flag(18, access, "Malformed TLP"),
    ecrc: flag(19, access, "ECRC error"),
    unsupportedRequest: flag(20, access, "Unsupported request"),
    acsViolation: flag(21, access, "ACS violation"),
    internal: flag(22, access, "Uncorrectable internal error"),
    multicastBlocked: flag(23, access, "Multicast TLP blocked"),
    atomicEgressBlocked: flag(24, access, "AtomicOp egress blocked"),
    prefixBlocked: flag(25, access, "TLP prefix blocked"),
    poisonedEgressBlocked: flag(26, access, "Poisoned TLP egress blocked"),
  };
}

function correctable<const A extends Access>(access: A) {
  return {
    receiver: flag(0, access, "Receiver error"),
    badTlp: flag(6, access, "Bad TLP"),
    badDllp: flag(7, access, "Bad DLLP"),
    replayRollover: flag(8, access, "REPLAY_NUM rollover"),
    replayTimeout: flag(12, access, "Replay timer timeout"),
    advisoryNonFatal: flag(13, access, "Advisory non-fatal error"),
    internal: flag(14, access, "Corrected internal error"),
    headerLogOverflow: flag(15, access, "Header log overflow"),
  };
}

const status = { reserved: "RsvdZ" } as const;

/** Advanced error reporting (section 7.8.4): what every function has of it, up to the header log. */
export const aer = capability({
  id: 0x0001,
  title: "Advanced Error Reporting",
  length: 0x2c,
  registers: {
    uncorrectableStatus: register(
      0x04,
      32,
      "7.8.4.2",
      "Uncorrectable Error Status",
      uncorrectable("RW1CS"),
      status,
    ),
    uncorrectableMask: register(0x08, 32, "7.8.4.3", "Uncorrectable Error Mask", uncorrectable("RWS")),
    uncorrectableSeverity: register(
      0x0c,
      32,
      "7.8.4.4",
      "Uncorrectable Error Severity: set is fatal",
      uncorrectable("RWS"),
    ),
    correctableStatus: register(
      0x10,
      32,
      "7.8.4.5",
      "Correctable Error Status",
      correctable("RW1CS"),
      status,
    ),
    correctableMask: register(0x14, 32, "7.8.4.6", "Correctable Error Mask", correctable("RWS")),
    control: register(0x18, 32, "7.8.4.7", "Advanced Error Capabilities and Control", {
      firstError: bits(4, 0, "ROS", "Bit of the uncorrectable status that came first"),
      ecrcGenerationCapable: flag(5, "RO", "Can generate ECRC"),
      ecrcGeneration: flag(6, "RWS", "Generate ECRC"),
      ecrcCheckCapable: flag(7, "RO", "Can check ECRC"),
      ecrcCheck: flag(8, "RWS", "Check ECRC"),
      multipleHeaderCapable: flag(9, "RO", "Can record several headers"),
      multipleHeader: flag(10, "RWS", "Record several headers"),
      prefixLogPresent: flag(11, "ROS", "The log holds a TLP prefix"),
      completionTimeoutLogCapable: flag(12, "RO", "Can log the prefix or header of a timed-out request"),
    }),
    headerLog0: value(0x1c, 32, "7.8.4.8", "Header Log, dword 0", "ROS"),
    headerLog1: value(0x20, 32, "7.8.4.8", "Header Log, dword 1", "ROS"),
    headerLog2: value(0x24, 32, "7.8.4.8", "Header Log, dword 2", "ROS"),
    headerLog3: value(0x28, 32, "7.8.4.8", "Header Log, dword 3", "ROS"),
  },
});
