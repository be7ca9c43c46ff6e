/** Where a field of a structure lies: first byte, and bytes. */
export type StructureField = readonly [offset: number, size: number];

/** Fields of a structure by name; what is not named is reserved or 0. */
export type StructureLayout = Readonly<Record<string, StructureField>>;

/** Bytes of an Identify structure. */
export const IDENTIFY_SIZE = 4096;

/** Identify Controller (NVM Express Base 2.0, figure 275; 1.4, figure 247): the fields of a controller on PCI Express. */
export const controllerLayout = {
  /** PCI Vendor ID. */
  VID: [0, 2],
  /** PCI Subsystem Vendor ID. */
  SSVID: [2, 2],
  /** Serial Number, ASCII. */
  SN: [4, 20],
  /** Model Number, ASCII. */
  MN: [24, 40],
  /** Firmware Revision, ASCII. */
  FR: [64, 8],
  /** Recommended Arbitration Burst, a power of two. */
  RAB: [72, 1],
  /** IEEE OUI. */
  IEEE: [73, 3],
  /** Multi-path and sharing. */
  CMIC: [76, 1],
  /** Maximum Data Transfer Size: 2 ^ MDTS pages of CAP.MPSMIN; 0: no limit. */
  MDTS: [77, 1],
  /** Controller ID. */
  CNTLID: [78, 2],
  /** Version, as the register VS. */
  VER: [80, 4],
  /** Optional Asynchronous Events Supported. */
  OAES: [92, 4],
  /** Controller Type: 1 I/O. */
  CNTRLTYPE: [111, 1],
  /** Optional Admin Command Support. */
  OACS: [256, 2],
  /** Abort Command Limit, minus 1. */
  ACL: [258, 1],
  /** Asynchronous Event Request Limit, minus 1. */
  AERL: [259, 1],
  /** Firmware Updates: bit 0 slot 1 is read-only, bits 3 to 1 slots. */
  FRMW: [260, 1],
  /** Log Page Attributes. */
  LPA: [261, 1],
  /** Error Log Page Entries, minus 1. */
  ELPE: [262, 1],
  /** Number of Power States, minus 1. */
  NPSS: [263, 1],
  /** Warning Composite Temperature Threshold, kelvin. */
  WCTEMP: [266, 2],
  /** Critical Composite Temperature Threshold, kelvin. */
  CCTEMP: [268, 2],
  /** Submission Queue Entry Size: least and largest, powers of two. */
  SQES: [512, 1],
  /** Completion Queue Entry Size: least and largest, powers of two. */
  CQES: [513, 1],
  /** Number of Namespaces. */
  NN: [516, 4],
  /** Optional NVM Command Support. */
  ONCS: [520, 2],
  /** Volatile Write Cache: bit 0 present. */
  VWC: [525, 1],
  /** SGL Support. */
  SGLS: [536, 4],
  /** NVM Subsystem NVMe Qualified Name, UTF-8. */
  SUBNQN: [768, 256],
  /** Maximum Power of power state 0, in 10 mW. */
  PSD0_MP: [2048, 2],
} as const satisfies StructureLayout;

/** Identify Namespace (NVM Command Set 1.0, figure 97; Base 1.4, figure 245). */
export const namespaceLayout = {
  /** Namespace Size, blocks. */
  NSZE: [0, 8],
  /** Namespace Capacity, blocks. */
  NCAP: [8, 8],
  /** Namespace Utilization, blocks. */
  NUSE: [16, 8],
  /** Number of LBA Formats, minus 1. */
  NLBAF: [25, 1],
  /** Formatted LBA Size: number of the format. */
  FLBAS: [26, 1],
  /** Deallocate Logical Block Features: bits 2 to 0 what deallocated blocks read as (1 zeros), bit 3 Write Zeroes may deallocate. */
  DLFEAT: [33, 1],
  /** LBA Data Size of format 0, a power of two. */
  LBAF0_LBADS: [130, 1],
} as const satisfies StructureLayout;

/** SMART / Health Information (NVM Express Base 2.0, figure 207; 1.4, figure 194), of 512 bytes. */
export const healthLayout = {
  /** Critical Warning: bit 1 temperature. */
  CRITICAL_WARNING: [0, 1],
  /** Composite Temperature, kelvin. */
  TEMPERATURE: [1, 2],
  /** Available Spare, percent. */
  SPARE: [3, 1],
  /** Available Spare Threshold, percent. */
  SPARE_THRESHOLD: [4, 1],
  /** Data Units Read: thousands of 512 bytes, rounded up; the low half of 16 bytes. */
  UNITS_READ: [32, 8],
  /** Data Units Written. */
  UNITS_WRITTEN: [48, 8],
  /** Host Read Commands. */
  READS: [64, 8],
  /** Host Write Commands. */
  WRITES: [80, 8],
  /** Power Cycles. */
  POWER_CYCLES: [112, 8],
} as const satisfies StructureLayout;

/** Values for a structure's fields: numbers are little-endian, text is padded with spaces as far as its field goes. */
export type StructureValues<L extends StructureLayout> = {
  readonly [N in keyof L]?: number | bigint | string;
};

/**
 * Writes fields of a structure.
 *
 * @param bytes the structure; what is not written stays as it is
 */
export function writeStructure<L extends StructureLayout>(
  bytes: Uint8Array,
  layout: L,
  values: StructureValues<L>,
): void {
  for (const [name, value] of Object.entries<number | bigint | string>(values as Record<string, number>)) {
    const [offset, size] = layout[name]!;
    if (typeof value === "string") {
      bytes.set(new TextEncoder().encode(value.padEnd(size)).subarray(0, size), offset);
      continue;
    }
    let rest = BigInt(value);
    for (let i = 0; i < size; i++, rest >>= 8n) bytes[offset + i] = Number(rest & 0xffn);
  }
}

/** Reads a field that is a number. */
export function readNumber(bytes: Uint8Array, [offset, size]: StructureField): bigint {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[offset + i]!);
  return value;
}

/** Reads a field that is text, without the spaces or zeros behind it. */
export function readText(bytes: Uint8Array, [offset, size]: StructureField): string {
  return new TextDecoder().decode(bytes.subarray(offset, offset + size)).replace(/[ \0]+$/, "");
}
