import type { Region } from "@userpci/interface";
import { capability } from "../capability.ts";
import { fieldAt, rawAt } from "../register.ts";
import { type Access, bits, fieldOf, flag, register, value } from "../table.ts";
import { list, type Span } from "../view.ts";
import { extendedEnd } from "../walk.ts";

const section = (part: string) => `PCI Express 6.0, 7.9.26.${part}`;
const algorithms = ["AES-GCM, 256-bit key, 96-bit tag"];

function aggregation<const A extends Access>(hi: number, lo: number, access: A, what: string) {
  return bits(hi, lo, access, `${what} that share one tag, at most`, ["1", "2", "4", "8"]);
}

const control = {
  enable: flag(0, "RW", "Enable"),
  extended: flag(1, "RW", "XT mode"),
  aggregateNonPosted: aggregation(3, 2, "RW", "Non-posted requests"),
  aggregatePosted: aggregation(5, 4, "RW", "Posted requests"),
  aggregateCompletions: aggregation(7, 6, "RW", "Completions"),
  pcrc: flag(8, "RW", "PCRC enable"),
  headerEncryption: bits(13, 10, "RW", "Partial header encryption", [
    "none",
    "address bits 17:2",
    "address bits 25:2",
    "address bits 33:2",
    "address bits 41:2",
  ]),
  algorithm: bits(18, 14, "RW", "Algorithm", algorithms),
  trafficClass: bits(21, 19, "RW", "Traffic class"),
  streamId: bits(31, 24, "RW", "Stream id"),
} as const;

const status = {
  state: bits(3, 0, "RO", "State", ["insecure", undefined, "secure"]),
  integrityCheckFailed: flag(31, "RW1C", "Received a TLP that failed the integrity check"),
} as const;
const zero = { reserved: "RsvdZ" } as const;

/** Registers of a link IDE stream. */
export const linkStream = {
  control: register(0x00, 32, section("4.1"), "Link IDE Stream Control", control),
  status: register(0x04, 32, section("4.2"), "Link IDE Stream Status", status, zero),
} as const;

/** Registers of a selective IDE stream, up to its address associations. */
export const selectiveStream = {
  capability: register(0x00, 32, section("5.1"), "Selective IDE Stream Capability", {
    associations: bits(3, 0, "HwInit", "Address association blocks"),
  }),
  control: register(0x04, 32, section("5.2"), "Selective IDE Stream Control", {
    ...control,
    configuration: flag(9, "RW", "For configuration requests too"),
    default: flag(22, "RW", "Default stream"),
    teeLimited: flag(23, "RW", "TEE-limited"),
  }),
  status: register(0x08, 32, section("5.3"), "Selective IDE Stream Status", status, zero),
  ridLimit: register(0x0c, 32, section("5.4.1"), "IDE RID Association 1", {
    limit: bits(23, 8, "RW", "Last requester id"),
  }),
  ridBase: register(0x10, 32, section("5.4.2"), "IDE RID Association 2", {
    valid: flag(0, "RW", "Valid"),
    base: bits(23, 8, "RW", "First requester id"),
    segment: bits(31, 24, "RW", "Segment"),
  }),
} as const;

/** Registers of an address association: a range of memory in units of 1 MiB. */
export const addressAssociation = {
  low: register(0x00, 32, section("5.5.1"), "IDE Address Association 1", {
    valid: flag(0, "RW", "Valid"),
    base: bits(19, 8, "RW", "First MiB, lower bits"),
    limit: bits(31, 20, "RW", "Last MiB, lower bits"),
  }),
  limitHigh: value(0x04, 32, section("5.5.2"), "IDE Address Association 2: last MiB, upper bits", "RW"),
  baseHigh: value(0x08, 32, section("5.5.3"), "IDE Address Association 3: first MiB, upper bits", "RW"),
} as const;

/** First byte of the streams. */
export const FIRST_STREAM = 0x0c;
/** Bytes of a link stream, of a selective stream without associations, and of an association. */
export const LINK_STREAM = 8;
export const SELECTIVE_STREAM = 20;
export const ADDRESS_ASSOCIATION = 12;

const capabilities = register(0x04, 32, section("2"), "IDE Capability", {
  link: flag(0, "HwInit", "Link IDE streams"),
  selective: flag(1, "HwInit", "Selective IDE streams"),
  flowThrough: flag(2, "HwInit", "Flow-through IDE streams"),
  partialHeader: flag(3, "HwInit", "Partial header encryption"),
  aggregation: flag(4, "HwInit", "Aggregation"),
  pcrc: flag(5, "HwInit", "PCRC"),
  keyManagement: flag(6, "HwInit", "IDE key management protocol"),
  configuration: flag(7, "HwInit", "Selective IDE for configuration requests"),
  algorithms: bits(12, 8, "HwInit", "Algorithms", algorithms),
  lastTrafficClass: bits(15, 13, "HwInit", "Traffic classes for link IDE, minus 1"),
  lastSelective: bits(23, 16, "HwInit", "Selective streams, minus 1"),
  teeLimited: flag(24, "HwInit", "TEE-limited streams"),
  extended: flag(25, "HwInit", "XT mode"),
});

/** How many streams the capability register tells of, which has these fields. */
export function streamCounts(
  fields: typeof capabilities.fields,
  raw: number,
): { readonly link: number; readonly selective: number } {
  return {
    link: fieldOf(fields.link, raw) === 0 ? 0 : fieldOf(fields.lastTrafficClass, raw) + 1,
    selective: fieldOf(fields.selective, raw) === 0 ? 0 : fieldOf(fields.lastSelective, raw) + 1,
  };
}

type Room = Pick<Span, "region" | "offset" | "length">;
const countsOf = ({ region, offset, length }: Room) =>
  streamCounts(capabilities.fields, length < FIRST_STREAM ? 0 : rawAt(region, offset, capabilities));

/** Where selective streams start and how many associations they have, as far as there is room for what tells it. */
function* selectiveStreams(room: Room): Generator<readonly [start: number, associations: number]> {
  const { capability: stream } = selectiveStream;
  const counts = countsOf(room);
  let start = FIRST_STREAM + LINK_STREAM * counts.link;
  for (let left = counts.selective; left > 0 && start + 4 <= room.length; left--) {
    const associations = fieldAt(room.region, room.offset + start, stream, "associations");
    yield [start, associations];
    start += SELECTIVE_STREAM + ADDRESS_ASSOCIATION * associations;
  }
}

function length(region: Region, offset: number): number {
  const room = { region, offset, length: extendedEnd(region) - offset };
  let end = FIRST_STREAM + LINK_STREAM * countsOf(room).link;
  for (const [start, associations] of selectiveStreams(room)) {
    end = start + SELECTIVE_STREAM + ADDRESS_ASSOCIATION * associations;
  }
  return end;
}

/** Integrity and data encryption (PCI Express 6.0, section 7.9.26). */
export const ide = capability({
  id: 0x0030,
  title: "Integrity and Data Encryption",
  head: FIRST_STREAM,
  length,
  registers: {
    capabilities,
    control: register(0x08, 32, section("3"), "IDE Control", {
      flowThrough: flag(2, "RW", "Flow-through IDE streams enabled"),
    }),
  },
  lists: {
    linkStreams: list(linkStream, function* (span) {
      const { link } = countsOf(span);
      for (let stream = 0; stream < link; stream++) yield FIRST_STREAM + LINK_STREAM * stream;
    }),
    selectiveStreams: list(selectiveStream, function* (span) {
      for (const [start] of selectiveStreams(span)) yield start;
    }),
    /** Of all selective streams, one after the other. */
    addressAssociations: list(addressAssociation, function* (span) {
      for (const [start, associations] of selectiveStreams(span)) {
        const first = start + SELECTIVE_STREAM;
        for (let turn = 0; turn < associations; turn++) yield first + ADDRESS_ASSOCIATION * turn;
      }
    }),
  },
});
