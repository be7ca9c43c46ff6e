import type { Random } from "../../vm/harness/random.ts";
import type { Generator } from "../generate.ts";
import { EXTENDED, patch } from "../space.ts";
import { extended } from "./extended.ts";

/** Gives a capability its second header: who defines it, which revision, how many bytes. */
function header(bytes: Uint8Array, vendor: number, revision: number, length: number): void {
  patch(bytes, [EXTENDED + 4, 4, vendor + revision * 2 ** 16 + length * 2 ** 20]);
}

function vendorSpecific(bytes: Uint8Array, random: Random): void {
  if (random.once(2)) patch(bytes, [0x00, 2, random.pick([0x8086, 0x10ee, 0x1022, 0x10de, 0x1e98])]);
  if (random.once(2)) header(bytes, random.number(0x40), random.number(4), 8 + random.number(64));
}

/** A DVSEC of anybody, of any length. */
function designated(bytes: Uint8Array, random: Random): void {
  const vendor = random.pick([0x8086, 0x10de, 0x1e98, random.number(0x10000)]);
  const length = random.pick([0, 9, 10, 15, vendor === 0x1e98 ? 12 : random.number(0x1000)]);
  header(bytes, vendor, random.number(16), length);
}

/** Least length that lspci can read of each DVSEC of CXL, by id and revision; of shorter ones it dies. */
const cxlLengths: Readonly<Record<number, readonly number[]>> = {
  0: [0x10, 0x38, 0x3c],
  2: [0x2c],
  3: [0x28],
  7: [0x10, 0x14, 0x20],
  8: [0x24],
};
/** Ids whose shorter ones print less. */
const mayBeShort = [0, 3, 8];

/** A DVSEC of CXL, of any revision and length. */
function cxl(id: number) {
  return (bytes: Uint8Array, random: Random) => {
    const revision = random.once(6) ? random.number(16) : random.number(4);
    const lengths = cxlLengths[id] ?? [0x10];
    const whole = lengths[Math.min(revision, lengths.length - 1)]!;
    const longer = random.pick([0, 0, 0, 1, 4, 8, 12, 24, random.number(64), 0xf00]);
    const short = mayBeShort.includes(id) && random.once(4);
    header(bytes, 0x1e98, revision, short ? 0x10 + random.number(0x40) : whole + longer);
    patch(bytes, [EXTENDED + 8, 2, id]);
    if (id === 0) for (const range of [0x1c, 0x2c]) memoryRange(bytes, EXTENDED + range, random);
    if (id === 8) for (let at = EXTENDED + 0x0c; at < 0x180; at += 8) bytes[at + 1] = blockId(random);
    if (id === 9 && random.once(2)) patch(bytes, [EXTENDED + 0x0a, 2, random.number(20)]);
  };
}

const blockId = (random: Random) => random.pick([0, 1, 2, 3, 4, 5, 255, random.number(256)]);

/** Media, class and interleave that the specification has; for others lspci prints what lies behind its own tables. */
function memoryRange(bytes: Uint8Array, low: number, random: Random): void {
  bytes[low] = (bytes[low]! & 3) | (random.number(3) << 2) | (random.number(3) << 5);
  bytes[low + 1] = random.number(8) | (random.number(8) << 5);
}

const cxlNames: Readonly<Record<string, number>> = {
  device: 0,
  "function map": 2,
  "port extensions": 3,
  "port flush": 4,
  "device flush": 5,
  "flex bus": 7,
  "register locator": 8,
  "logical devices": 9,
  test: 10,
};

/** Streams that fit into the space, of every kind. */
function encryption(bytes: Uint8Array, random: Random): void {
  const streams = (random.number(8) << 5) | random.number(32);
  patch(
    bytes,
    [EXTENDED + 5, 1, random.once(3) ? random.byte() : streams],
    [EXTENDED + 6, 1, random.once(8) ? random.byte() : random.number(4)],
  );
  if (random.once(2)) bytes[EXTENDED + 4] = bytes[EXTENDED + 4]! | (1 + random.number(3));
}

function blockLocator(bytes: Uint8Array, random: Random): void {
  const length = random.pick([
    8,
    0x10,
    0x28,
    random.number(0x100),
    random.number(0x100),
    random.number(0x1000),
  ]);
  patch(bytes, [EXTENDED + 4, 2, length | (random.number(16) << 12)]);
  for (let at = EXTENDED + 8; at < 0x200; at += 8) bytes[at + 1] = random.once(4) ? random.byte() : 1;
}

/** Extended capabilities of vendors, CXL, data objects and encryption, by name. */
export const vendorGenerators: Readonly<Record<string, Generator>> = {
  "vendor-specific, extended": extended(0x0b, vendorSpecific),
  "designated vendor-specific": extended(0x23, designated),
  ...Object.fromEntries(
    Object.entries(cxlNames).map(([name, id]) => [`CXL ${name}`, extended(0x23, cxl(id))]),
  ),
  "CXL of other ids": (random) => extended(0x23, cxl(random.pick([1, 6, 11, 0x100, 0xffff])))(random),
  "data object exchange": extended(0x2e),
  "integrity and data encryption": extended(0x30, encryption),
  "register block locator": extended(0x36, blockLocator),
};
