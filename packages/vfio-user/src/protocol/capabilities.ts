import { formatValue } from "@userpci/interface";
import { protocolError } from "./errors.ts";
import { limits } from "./limits.ts";
import { version } from "./structures.ts";

/** What one side says of itself in its VERSION message. */
export interface Capabilities {
  /** Most descriptors it takes in one message. */
  readonly maxMsgFds: number;
  /** Most bytes of data it takes in one read, write or DMA message. */
  readonly maxDataXferSize: number;
  /** Most DMA maps it takes. */
  readonly maxDmaMaps: number;
  /** Page sizes of DMA maps in bytes, as the bits of one number. */
  readonly pgsizes: number;
  /** Whether the server's own commands may have a socket of their own. */
  readonly twinSocket: boolean;
  /** In a server's answer: which of the message's descriptors is that socket. */
  readonly twinFdIndex: number | undefined;
  /** Whether it knows REGION_WRITE_MULTI. */
  readonly writeMultiple: boolean;
  /** Absent: it cannot be migrated. */
  readonly migration: MigrationCapability | undefined;
}

/** How a device's writes to memory are noted for migration. */
export interface MigrationCapability {
  /** Bytes that one bit of a bitmap of written pages stands for. */
  readonly pgsize: number;
  /** Most bytes of such a bitmap. */
  readonly maxBitmapSize: number;
}

/** A side's VERSION message. */
export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly capabilities: Capabilities;
}

/** The version this implementation speaks. */
export const VERSION = { major: 0, minor: 2 } as const;

/** What counts for a side that says nothing (specification, "Version data format"). */
export const defaultCapabilities: Capabilities = {
  maxMsgFds: 1,
  maxDataXferSize: limits.dataTransfer,
  maxDmaMaps: limits.dmaMaps,
  pgsizes: limits.page,
  twinSocket: false,
  twinFdIndex: undefined,
  writeMultiple: false,
  migration: undefined,
};

/** The specification's default, 256 MiB. */
const BITMAP_SIZE = 256 * 2 ** 20;

type Json = Readonly<Record<string, unknown>>;

/**
 * Makes the payload of a VERSION message: version, JSON, NUL.
 *
 * @param said what is said; what is absent is not mentioned
 */
export function encodeVersion(
  said: Partial<Capabilities>,
  minor: number = VERSION.minor,
  major: number = VERSION.major,
): Uint8Array<ArrayBuffer> {
  const capabilities: Json = {
    max_msg_fds: said.maxMsgFds,
    max_data_xfer_size: said.maxDataXferSize,
    max_dma_maps: said.maxDmaMaps,
    pgsizes: said.pgsizes,
    // Not mentioned where it is off: QEMU warns of what it does not know.
    twin_socket: said.twinSocket ? { supported: true, fd_index: said.twinFdIndex } : undefined,
    write_multiple: said.writeMultiple,
    migration: said.migration && {
      pgsize: said.migration.pgsize,
      max_bitmap_size: said.migration.maxBitmapSize,
    },
  };
  const text = new TextEncoder().encode(`${JSON.stringify({ capabilities })}\0`);
  const bytes = version.pack({ major, minor }, text.length);
  bytes.set(text, version.size);
  return bytes;
}

/**
 * Reads the payload of a VERSION message. Keys that nobody knows are passed over, and what is too much for this
 * implementation is cut down to what it can use.
 *
 * @throws PciError `ERR_PROTOCOL` for JSON without its NUL, too long or malformed, or a capability of the wrong type
 */
export function decodeVersion(payload: Uint8Array): Version {
  if (payload.length < version.size)
    throw protocolError(`VERSION with ${payload.length} bytes, not 4 or more`);
  const { major, minor } = version.read(payload);
  return { major, minor, capabilities: readCapabilities(parse(payload.subarray(version.size))) };
}

/**
 * The minor version for the answer: a client refuses one above its own.
 *
 * @throws PciError `ERR_PROTOCOL` if the major versions differ
 */
export function agreedMinor(proposed: Version): number {
  if (proposed.major === VERSION.major) return Math.min(proposed.minor, VERSION.minor);
  throw protocolError(`the peer speaks version ${proposed.major}.${proposed.minor}, not ${VERSION.major}.x`);
}

function parse(text: Uint8Array): unknown {
  if (text.length === 0) return {};
  if (text.length > limits.capabilities) {
    throw protocolError(`capabilities of ${text.length} bytes, and ${limits.capabilities} are the most`);
  }
  const end = text.indexOf(0);
  if (end < 0) throw protocolError("capabilities that do not end with a NUL");
  if (end === 0) return {};
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text.subarray(0, end)));
  } catch (cause) {
    throw protocolError("capabilities that are no JSON", cause);
  }
}

/** An object's member, which must be an object if it is there. */
function member(parent: Json, name: string): Json | undefined {
  const value = Object.hasOwn(parent, name) ? parent[name] : undefined;
  if (value === undefined || value === null) return undefined;
  if (typeof value === "object" && !Array.isArray(value)) return value as Json;
  throw protocolError(`${name} is ${formatValue(value)}, not an object`);
}

function flag(parent: Json, name: string): boolean {
  const value = Object.hasOwn(parent, name) ? parent[name] : undefined;
  if (value === undefined) return false;
  if (typeof value === "boolean") return value;
  throw protocolError(`${name} is ${formatValue(value)}, neither true nor false`);
}

/** A whole number of at least `lowest`, cut down to `most`. */
function count(parent: Json, name: string, lowest: number, most: number, otherwise: number): number {
  const value = Object.hasOwn(parent, name) ? parent[name] : undefined;
  if (value === undefined) return otherwise;
  if (typeof value === "number" && Number.isInteger(value) && value >= lowest) return Math.min(value, most);
  throw protocolError(`${name} is ${formatValue(value)}, not an integer of at least ${lowest}`);
}

function readCapabilities(json: unknown): Capabilities {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw protocolError("capabilities that are no JSON object");
  }
  const said = member(json as Json, "capabilities") ?? {};
  const { maxMsgFds, maxDataXferSize, maxDmaMaps, pgsizes } = defaultCapabilities;
  const twin = member(said, "twin_socket");
  const migration = member(said, "migration");
  return {
    maxMsgFds: count(said, "max_msg_fds", 0, limits.descriptors, maxMsgFds),
    maxDataXferSize: count(said, "max_data_xfer_size", 1, limits.dataTransfer, maxDataXferSize),
    maxDmaMaps: count(said, "max_dma_maps", 1, Number.MAX_SAFE_INTEGER, maxDmaMaps),
    pgsizes: count(said, "pgsizes", 1, Number.MAX_SAFE_INTEGER, pgsizes),
    twinSocket: twin !== undefined && flag(twin, "supported"),
    twinFdIndex:
      twin && Object.hasOwn(twin, "fd_index") ? count(twin, "fd_index", 0, limits.descriptors, 0) : undefined,
    writeMultiple: flag(said, "write_multiple"),
    migration: migration && {
      pgsize: count(migration, "pgsize", 1, Number.MAX_SAFE_INTEGER, limits.page),
      maxBitmapSize: count(migration, "max_bitmap_size", 1, BITMAP_SIZE, BITMAP_SIZE),
    },
  };
}
