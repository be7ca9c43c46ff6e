import {
  controllerLayout,
  healthLayout,
  IDENTIFY_SIZE,
  namespaceLayout,
  writeStructure,
} from "../structures.ts";
import { CHANGED_NAMESPACE_NOTICES } from "./events.ts";
import type { NvmeSettings } from "./options.ts";

/** Ids of the function; its class is what drivers look for. */
export const IDS = {
  vendorId: 0x1234,
  deviceId: 0x4e56,
  subsystemVendorId: 0x1234,
  subsystemId: 0x0001,
} as const;

/** Class code: mass storage, non-volatile memory, NVM Express I/O controller. */
export const NVME_CLASS = 0x01_08_02;

/** The register VS, and the version of Identify: 1.4.0. */
export const VERSION = 0x0001_0400;

/** The only namespace. */
export const NAMESPACE = 1;

/** A transfer has at most 2 ^ MDTS pages of 4 KiB: 1 MiB. */
export const MDTS = 8;

/** Bytes of the longest transfer of a command. */
export const LONGEST_TRANSFER = 4096 << MDTS;

/** Asynchronous Event Requests that are held at once. */
export const EVENT_REQUESTS = 4;

/** Kelvin: what the disk claims to have, when it is said to be hot, and too hot. */
export const temperature = { NOW: 300, WARNING: 343, CRITICAL: 373 } as const;

/** Bits of the critical warning, and of the events of them that the host asks for. */
export const criticalWarning = { TEMPERATURE: 1 << 1 } as const;

const firmware = "1.0";

const optionalCommands = {
  COMPARE: 1 << 0,
  DATASET_MANAGEMENT: 1 << 2,
  WRITE_ZEROES: 1 << 3,
  SELECT: 1 << 4,
} as const;

/** Identify Controller. */
export function controllerStructure({ serial }: NvmeSettings): Uint8Array {
  const bytes = new Uint8Array(IDENTIFY_SIZE);
  writeStructure(bytes, controllerLayout, {
    VID: IDS.vendorId,
    SSVID: IDS.subsystemVendorId,
    SN: serial,
    MN: "userpci RAM disk",
    FR: firmware,
    RAB: 6,
    MDTS,
    VER: VERSION,
    OAES: CHANGED_NAMESPACE_NOTICES,
    CNTRLTYPE: 1,
    ACL: 3,
    AERL: EVENT_REQUESTS - 1,
    FRMW: 0b011,
    WCTEMP: temperature.WARNING,
    CCTEMP: temperature.CRITICAL,
    SQES: 0x66,
    CQES: 0x44,
    NN: 1,
    ONCS:
      optionalCommands.COMPARE |
      optionalCommands.DATASET_MANAGEMENT |
      optionalCommands.WRITE_ZEROES |
      optionalCommands.SELECT,
    VWC: 1,
    PSD0_MP: 100,
  });
  // Ends with a zero byte, unlike the other texts.
  const name = `nqn.2014-08.org.nvmexpress:uuid:${textOfUuid(uuidOf(`subsystem ${serial}`))}`;
  bytes.set(new TextEncoder().encode(name), controllerLayout.SUBNQN[0]);
  return bytes;
}

/** Identify Namespace. */
export function namespaceStructure({ size, blockSize }: NvmeSettings): Uint8Array {
  const bytes = new Uint8Array(IDENTIFY_SIZE);
  const blocks = size / blockSize;
  writeStructure(bytes, namespaceLayout, {
    NSZE: blocks,
    NCAP: blocks,
    NUSE: blocks,
    DLFEAT: 0b1001,
    LBAF0_LBADS: Math.log2(blockSize),
  });
  return bytes;
}

/** Namespaces with numbers above `after`. */
export function activeNamespaces(after: number): Uint8Array {
  const bytes = new Uint8Array(IDENTIFY_SIZE);
  if (after < NAMESPACE) bytes[0] = NAMESPACE;
  return bytes;
}

/** Namespace Identification Descriptor list: a UUID (type 3, 16 bytes). */
export function namespaceDescriptors({ serial }: NvmeSettings): Uint8Array {
  const bytes = new Uint8Array(IDENTIFY_SIZE);
  bytes.set([3, 16, 0, 0, ...uuidOf(`namespace ${serial}`)]);
  return bytes;
}

/** Log page SMART / Health. */
export function healthPage(use: HealthCounters, warning: boolean): Uint8Array {
  const bytes = new Uint8Array(512);
  writeStructure(bytes, healthLayout, {
    CRITICAL_WARNING: warning ? criticalWarning.TEMPERATURE : 0,
    TEMPERATURE: temperature.NOW,
    SPARE: 100,
    SPARE_THRESHOLD: 10,
    UNITS_READ: Math.ceil(use.bytesRead / 512_000),
    UNITS_WRITTEN: Math.ceil(use.bytesWritten / 512_000),
    READS: use.reads,
    WRITES: use.writes,
    POWER_CYCLES: 1,
  });
  return bytes;
}

/** What the disk was used for. */
export interface HealthCounters {
  reads: number;
  writes: number;
  bytesRead: number;
  bytesWritten: number;
}

/** Log page Firmware Slot Information: slot 1 is active. */
export function firmwarePage(): Uint8Array {
  const bytes = new Uint8Array(512);
  bytes[0] = 1;
  bytes.set(new TextEncoder().encode(firmware.padEnd(8)), 8);
  return bytes;
}

/** A UUID that follows from a name (RFC 9562, version 8: of one's own making), by two hashes of FNV-1a. */
function uuidOf(name: string): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, fnv1a(name));
  view.setBigUint64(8, fnv1a(`${name} `));
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes;
}

function fnv1a(text: string): bigint {
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100_0000_01b3n);
  }
  return hash;
}

function textOfUuid(uuid: Uint8Array): string {
  const hex = Array.from(uuid, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
