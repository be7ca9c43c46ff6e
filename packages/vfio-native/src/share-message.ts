import {
  type DomainShare,
  type IovaRange,
  type MapperDescriptor,
  PciError,
  toIova,
} from "@userpci/interface";
import { MOST_MAPPERS } from "./domain-share.ts";
import type { Packet } from "./unix-socket.ts";

/** Longest message, in bytes: room for more ranges than a window has. */
export const LONGEST_MESSAGE = 16_384;

const MOST_RANGES = 64;
const FORMAT = "userpci domain 1";

/** What goes over the wire, as JSON. The descriptors go beside it, one for each mapper, in the same order. */
interface Message {
  readonly format: typeof FORMAT;
  readonly pageSize: number;
  /** First and last address, in hexadecimal. */
  readonly ranges: readonly (readonly [string, string])[];
  readonly mappers: readonly Omit<MapperDescriptor, "fd">[];
}

/** @throws PciError `ERR_OUT_OF_RANGE` for what is too large to be sent */
export function encodeShare({ ranges, pageSize, mappers }: DomainShare): Uint8Array {
  const message: Message = {
    format: FORMAT,
    pageSize,
    ranges: ranges.map(({ start, last }) => [`0x${start.toString(16)}`, `0x${last.toString(16)}`]),
    mappers: mappers.map(({ kind, object }) => (object === undefined ? { kind } : { kind, object })),
  };
  const bytes = Buffer.from(JSON.stringify(message));
  if (bytes.length <= LONGEST_MESSAGE && ranges.length <= MOST_RANGES && mappers.length <= MOST_MAPPERS)
    return bytes;
  throw new PciError(
    "ERR_OUT_OF_RANGE",
    `${ranges.length} ranges of ${mappers.length} mappers cannot be sent`,
    {
      hint: `share a window in at most ${MOST_RANGES} ranges, of a domain of at most ${MOST_MAPPERS} mappers`,
    },
  );
}

/**
 * The reverse of {@link encodeShare}, for what anybody may have sent.
 *
 * @throws PciError `ERR_PROTOCOL`
 */
export function decodeShare({ data, fds, truncated }: Packet): DomainShare {
  if (truncated)
    throw malformed(
      `it is longer than ${LONGEST_MESSAGE} bytes, or has more than ${MOST_MAPPERS} descriptors`,
    );
  const { format, pageSize, ranges, mappers } = parse(data);
  if (format !== FORMAT) throw malformed(`it is no "${FORMAT}"`);
  if (!Number.isSafeInteger(pageSize)) throw malformed("it has no page size");
  const count = listOf("mappers", mappers, MOST_MAPPERS).length;
  if (fds.length !== count) throw malformed(`${fds.length} descriptors came for ${count} mappers`);
  return {
    pageSize: pageSize as number,
    ranges: listOf("ranges", ranges, MOST_RANGES).map(decodeRange),
    mappers: listOf("mappers", mappers, MOST_MAPPERS).map((mapper, i) => decodeMapper(mapper, fds[i]!)),
  };
}

function parse(bytes: Uint8Array): Partial<Record<keyof Message, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw malformed("it is no JSON", cause);
  }
  if (typeof value !== "object" || value === null) throw malformed("it is no object");
  return value;
}

function listOf(name: string, value: unknown, most: number): readonly unknown[] {
  if (Array.isArray(value) && value.length > 0 && value.length <= most) return value;
  throw malformed(`it has no list of 1 to ${most} ${name}`);
}

function decodeRange(value: unknown): IovaRange {
  const [start, last, ...more] = Array.isArray(value) ? value.map(decodeAddress) : [];
  if (start === undefined || last === undefined || start > last || more.length > 0)
    throw malformed("a range is none");
  return { start: toIova(start), last: toIova(last) };
}

/** @returns undefined for what is no address of at most 64 bits */
function decodeAddress(value: unknown): bigint | undefined {
  return typeof value === "string" && /^0x[0-9a-f]{1,16}$/.test(value) ? BigInt(value) : undefined;
}

/** Whether the descriptor is of this kind is seen later, by the kernel's word. */
function decodeMapper(value: unknown, fd: number): MapperDescriptor {
  const { kind, object } = (value ?? {}) as Partial<MapperDescriptor>;
  if (kind === "vfio-container" && object === undefined) return { kind, fd };
  if (kind === "iommufd-ioas" && Number.isInteger(object) && object! >= 0 && object! < 2 ** 32)
    return { kind, fd, object: object! };
  throw malformed("a mapper is of no kind that is known");
}

function malformed(what: string, cause?: unknown): PciError {
  return new PciError("ERR_PROTOCOL", `what came is no shared domain: ${what}`, {
    hint: "receive from sendDomain of the same version of @userpci/vfio-native",
    ...(cause !== undefined && { cause }),
  });
}
