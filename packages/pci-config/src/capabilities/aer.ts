import type { Region } from "@userpci/interface";
import { capability, type LengthRule } from "../capability.ts";
import { type Access, bits, fieldOf, flag, register, value } from "../table.ts";
import { findStandard, standardEnd } from "../walk.ts";
import { isRootType, pcie } from "./pcie.ts";

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
    deferrableWriteBlocked: flag(27, access, "DMWr request egress blocked (PCI Express 6.0)"),
    ideCheckFailed: flag(28, access, "IDE check failed (PCI Express 6.0)"),
    misroutedIdeTlp: flag(29, access, "Misrouted IDE TLP (PCI Express 6.0)"),
    pcrcCheckFailed: flag(30, access, "PCRC check failed (PCI Express 6.0)"),
    translationBlocked: flag(31, access, "TLP translation egress blocked (PCI Express 6.0)"),
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

const { capabilities, deviceCapabilities2 } = pcie.registers;

/**
 * What the PCI Express capability tells of it: `root`, `prefix` and `flit` for the registers behind the header log. In flit mode
 * the log is longer, and lies where prefixes would be (PCI Express 6.0, section 7.8.4.8).
 */
function* traitsOf(region: Region): Generator<string> {
  const at = findStandard(region, pcie.id);
  if (at === undefined) return;
  const flags = region.read16(at + capabilities.offset);
  const { portType, flitMode, version } = capabilities.fields;
  if (isRootType(fieldOf(portType, flags))) yield "root";
  if (fieldOf(flitMode, flags) !== 0) yield "flit";
  else if (fieldOf(version, flags) >= 2 && takesPrefixes(region, at + deviceCapabilities2.offset))
    yield "prefix";
}

function takesPrefixes(region: Region, at: number): boolean {
  if (at + 4 > standardEnd(region)) return false;
  return fieldOf(deviceCapabilities2.fields.endToEndPrefix, region.read32(at)) !== 0;
}

/** Up to the header log in every function; further by what it has. */
const length: LengthRule = (_region, _offset, traits) => {
  if (traits.has("flit")) return 0x60;
  if (traits.has("prefix")) return 0x48;
  return traits.has("root") ? 0x38 : 0x2c;
};

const prefixLog = (index: number) =>
  value(0x38 + 4 * index, 32, "7.8.4.12", `TLP Prefix Log, dword ${index}`, "ROS", { when: "prefix" });

const flitLog = (index: number) =>
  value(0x28 + 4 * index, 32, "PCI Express 6.0, 7.8.4.8", `Header Log, dword ${index}`, "ROS", {
    when: "flit",
  });

const root = { when: "root" } as const;

/** Advanced error reporting (section 7.8.4), with the registers of root ports and of event collectors. */
export const aer = capability({
  id: 0x0001,
  title: "Advanced Error Reporting",
  traits: traitsOf,
  length,
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
      headerLogSize: bits(17, 13, "RO", "Dwords of the header log (PCI Express 6.0)"),
      flitLogged: flag(18, "ROS", "The TLP was logged in flit mode (PCI Express 6.0)"),
      loggedSize: bits(23, 19, "ROS", "Dwords of the TLP logged in flit mode (PCI Express 6.0)"),
    }),
    headerLog0: value(0x1c, 32, "7.8.4.8", "Header Log, dword 0", "ROS"),
    headerLog1: value(0x20, 32, "7.8.4.8", "Header Log, dword 1", "ROS"),
    headerLog2: value(0x24, 32, "7.8.4.8", "Header Log, dword 2", "ROS"),
    headerLog3: value(0x28, 32, "7.8.4.8", "Header Log, dword 3", "ROS"),
    rootCommand: register(
      0x2c,
      32,
      "7.8.4.9",
      "Root Error Command",
      {
        correctable: flag(0, "RW", "Interrupt on ERR_COR"),
        nonFatal: flag(1, "RW", "Interrupt on ERR_NONFATAL"),
        fatal: flag(2, "RW", "Interrupt on ERR_FATAL"),
      },
      root,
    ),
    rootStatus: register(
      0x30,
      32,
      "7.8.4.10",
      "Root Error Status",
      {
        correctable: flag(0, "RW1CS", "ERR_COR received"),
        moreCorrectable: flag(1, "RW1CS", "More than one ERR_COR received"),
        uncorrectable: flag(2, "RW1CS", "ERR_FATAL or ERR_NONFATAL received"),
        moreUncorrectable: flag(3, "RW1CS", "More than one ERR_FATAL or ERR_NONFATAL received"),
        firstFatal: flag(4, "RW1CS", "The first uncorrectable one was fatal"),
        nonFatal: flag(5, "RW1CS", "ERR_NONFATAL received"),
        fatal: flag(6, "RW1CS", "ERR_FATAL received"),
        correctableSubclass: bits(8, 7, "ROS", "Kind of the ERR_COR received first", [
          "legacy",
          "for the system's firmware",
          "for the operating system",
          "extended",
        ]),
        interruptMessage: bits(31, 27, "RO", "Vector of its interrupts"),
      },
      { ...root, ...status },
    ),
    errorSource: register(
      0x34,
      32,
      "7.8.4.11",
      "Error Source Identification",
      {
        correctable: bits(15, 0, "ROS", "Requester id of the ERR_COR received first"),
        uncorrectable: bits(31, 16, "ROS", "Requester id of the ERR_FATAL or ERR_NONFATAL received first"),
      },
      root,
    ),
    prefixLog0: prefixLog(0),
    prefixLog1: prefixLog(1),
    prefixLog2: prefixLog(2),
    prefixLog3: prefixLog(3),
    headerLog4: flitLog(4),
    headerLog5: flitLog(5),
    headerLog6: flitLog(6),
    headerLog7: flitLog(7),
    headerLog8: flitLog(8),
    headerLog9: flitLog(9),
    headerLog10: flitLog(10),
    headerLog11: flitLog(11),
    headerLog12: flitLog(12),
    headerLog13: flitLog(13),
  },
});
