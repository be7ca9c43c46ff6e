import type { Region } from "@userpci/interface";
import { capability, type LengthRule } from "../capability.ts";
import { fieldAt, rawAt } from "../register.ts";
import { type Access, bits, fieldOf, flag, register, value } from "../table.ts";

const capabilities = register(0x04, 16, "7.9.15.2", "DPC Capability", {
  interruptMessage: bits(4, 0, "RO", "Vector of its interrupts"),
  rootExtensions: flag(5, "RO", "Has the registers of root ports"),
  poisonedBlocking: flag(6, "RO", "Can block poisoned TLPs on their way out"),
  softwareTrigger: flag(7, "RO", "Can be triggered by software"),
  logSize: bits(11, 8, "RO", "Dwords of the log of programmed I/O"),
  activeSignaling: flag(12, "RO", "Can send ERR_COR when the link comes up"),
  logSizeHigh: bits(13, 13, "RO", "Bit 4 of the log size (PCI Express 6.0)"),
});

/** Errors of requests that the processor made. */
function programmedIo<const A extends Access>(access: A) {
  return {
    configUnsupported: flag(0, access, "Configuration request: unsupported request"),
    configAbort: flag(1, access, "Configuration request: completer abort"),
    configTimeout: flag(2, access, "Configuration request: completion timeout"),
    ioUnsupported: flag(8, access, "I/O request: unsupported request"),
    ioAbort: flag(9, access, "I/O request: completer abort"),
    ioTimeout: flag(10, access, "I/O request: completion timeout"),
    memoryUnsupported: flag(16, access, "Memory request: unsupported request"),
    memoryAbort: flag(17, access, "Memory request: completer abort"),
    memoryTimeout: flag(18, access, "Memory request: completion timeout"),
  };
}

const BASE = 0x0c;
const LOG = 0x20;
const HEADER = 4;

/** Dwords of log, 0 without the registers of root ports. */
function logDwords(region: Region, offset: number): number {
  const raw = rawAt(region, offset, capabilities);
  const { rootExtensions, logSize, logSizeHigh } = capabilities.fields;
  if (fieldOf(rootExtensions, raw) === 0) return 0;
  return 16 * fieldOf(logSizeHigh, raw) + fieldOf(logSize, raw);
}

/** The log holds a header, then what the implementation likes, then TLP prefixes. */
function* traitsOf(region: Region, offset: number): Generator<string> {
  if (fieldAt(region, offset, capabilities, "rootExtensions") === 0) return;
  yield "root";
  const dwords = logDwords(region, offset);
  if (dwords >= HEADER) yield "header";
  if (dwords > HEADER) yield "implementation";
  for (let i = 0; i < Math.min(dwords - HEADER - 1, 4); i++) yield `prefix${i}`;
}

const length: LengthRule = (region, offset, traits) =>
  traits.has("root") ? LOG + 4 * logDwords(region, offset) : BASE;

const root = { when: "root" } as const;

const headerLog = (index: number) =>
  value(LOG + 4 * index, 32, "7.9.15.11", `RP PIO Header Log, dword ${index}`, "ROS", { when: "header" });

const prefixLog = (index: number) =>
  value(LOG + 20 + 4 * index, 32, "7.9.15.13", `RP PIO TLP Prefix Log, dword ${index}`, "ROS", {
    when: `prefix${index}`,
  });

/** Downstream port containment (section 7.9.15): a port that takes its link down after an error. */
export const downstreamContainment = capability({
  id: 0x001d,
  title: "Downstream Port Containment",
  head: 8,
  traits: traitsOf,
  length,
  registers: {
    capabilities,
    control: register(0x06, 16, "7.9.15.3", "DPC Control", {
      trigger: bits(1, 0, "RW", "Triggered by", ["nothing", "ERR_FATAL", "ERR_NONFATAL or ERR_FATAL"]),
      completion: bits(2, 2, "RW", "Requests then end with", ["completer abort", "unsupported request"]),
      interrupt: flag(3, "RW", "Interrupt enable"),
      errorCorrectable: flag(4, "RW", "Sends ERR_COR"),
      poisonedBlocking: flag(5, "RW", "Blocks poisoned TLPs on their way out"),
      softwareTrigger: flag(6, "RW", "Trigger it; reads 0"),
      activeSignaling: flag(7, "RW", "Sends ERR_COR when the link comes up"),
      firmwareSignaling: flag(8, "RW", "Its ERR_COR are for the system's firmware"),
    }),
    status: register(
      0x08,
      16,
      "7.9.15.4",
      "DPC Status",
      {
        triggered: flag(0, "RW1CS", "Triggered; the link stays down until this is cleared"),
        reason: bits(2, 1, "ROS", "Reason", [
          "uncorrectable error",
          "ERR_NONFATAL",
          "ERR_FATAL",
          "see the extension",
        ]),
        interrupt: flag(3, "RW1CS", "Interrupt pending"),
        rootBusy: flag(4, "RO", "The root port is not ready to be released"),
        reasonExtension: bits(6, 5, "ROS", "Reason's extension", ["programmed I/O", "software"]),
        firstError: bits(12, 8, "ROS", "Bit of the programmed I/O status that came first"),
        firmwareSignaled: flag(13, "RW1CS", "An ERR_COR for the firmware was sent"),
      },
      { reserved: "RsvdZ" },
    ),
    errorSource: value(0x0a, 16, "7.9.15.5", "DPC Error Source ID: requester id of the message", "ROS"),
    programmedIoStatus: register(0x0c, 32, "7.9.15.6", "RP PIO Status", programmedIo("RW1CS"), {
      ...root,
      reserved: "RsvdZ",
    }),
    programmedIoMask: register(0x10, 32, "7.9.15.7", "RP PIO Mask", programmedIo("RWS"), root),
    programmedIoSeverity: register(
      0x14,
      32,
      "7.9.15.8",
      "RP PIO Severity: set is uncorrectable",
      programmedIo("RWS"),
      root,
    ),
    programmedIoSystemError: register(0x18, 32, "7.9.15.9", "RP PIO SysError", programmedIo("RWS"), root),
    programmedIoException: register(0x1c, 32, "7.9.15.10", "RP PIO Exception", programmedIo("RWS"), root),
    headerLog0: headerLog(0),
    headerLog1: headerLog(1),
    headerLog2: headerLog(2),
    headerLog3: headerLog(3),
    implementationLog: value(0x30, 32, "7.9.15.12", "RP PIO ImpSpec Log", "ROS", { when: "implementation" }),
    prefixLog0: prefixLog(0),
    prefixLog1: prefixLog(1),
    prefixLog2: prefixLog(2),
    prefixLog3: prefixLog(3),
  },
});
