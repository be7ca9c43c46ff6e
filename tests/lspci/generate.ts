import type { Random } from "../vm/harness/random.ts";
import { asBridge, asCardbus, FIRST, patch, withCapability } from "./space.ts";

/** Makes a space at random. */
export type Generator = (random: Random) => Uint8Array;

/** A header of any layout, whole or cut off, with windows that make sense now and then. */
const header: Generator = (random) => {
  const bytes = new Uint8Array(random.pick([64, 64, 128, 256, 16, 48, 48 + random.number(16)]));
  for (let at = 0; at < bytes.length; at++) if (!random.once(3)) bytes[at] = random.byte();
  const layout = random.pick([0, 0, 1, 1, 2, random.number(256)]);
  if (random.once(4)) romOf(bytes, random);
  const code = random.pick([0x0200, 0x0604, 0x0607, 0x0600, random.number(0x10000)]);
  if (bytes.length < 64) return bytes;
  patch(bytes, [0x0e, 1, layout], [0x0a, 2, code]);
  if (!random.once(3)) bytes[0x06] = bytes[0x06]! & ~0x10;
  if (random.once(2)) patch(bytes, [0x00, 2, random.pick([0x8086, 0x1af4, 0x10de, 0xffff])]);
  if (random.once(2)) windows(bytes, random);
  return bytes;
};

/** A ROM of any kind, where an endpoint and a bridge have theirs, as far as there are bytes. */
function romOf(bytes: Uint8Array, random: Random): void {
  const rom = random.pick([0, 1, 0x200, 0x7ff, 0x800, 0xfff00001, 0xffffffff]);
  for (const at of [0x30, 0x38]) if (at + 4 <= bytes.length) patch(bytes, [at, 4, rom]);
}

function windows(bytes: Uint8Array, random: Random): void {
  const wide = random.number(2);
  const bound = (mask: number, type: number) => (random.number(0x10000) & mask) | type;
  patch(
    bytes,
    [0x1c, 1, bound(0xf0, wide)],
    [0x1d, 1, bound(0xf0, wide)],
    [0x20, 2, bound(0xfff0, 0)],
    [0x22, 2, bound(0xfff0, 0)],
    [0x24, 2, bound(0xfff0, wide)],
    [0x26, 2, bound(0xfff0, wide)],
  );
}

/** Fills a capability in one of several manners: with noise, with few bits, with all or none. */
export function fill(bytes: Uint8Array, random: Random, start: number, end: number): void {
  const manner = random.number(4);
  const byte = [
    () => 0,
    () => (random.once(6) ? 1 << random.number(8) : 0),
    () => random.number(256),
    () => random.byte(),
  ][manner]!;
  for (let at = start; at < end; at++) bytes[at] = byte();
}

/** A capability with any content, in a header of any layout, now and then cut off. */
function capability(id: number, shape: (bytes: Uint8Array, random: Random) => void = () => {}): Generator {
  return (random) => {
    const bytes = withCapability(id);
    fill(bytes, random, FIRST + 2, 0xa0);
    if (random.once(3)) asBridge(bytes);
    if (random.once(3)) for (let bar = 0x10; bar < 0x28; bar += 4) patch(bytes, [bar, 4, barOf(random)]);
    if (random.once(8)) asCardbus(bytes);
    shape(bytes, random);
    return random.once(5) ? bytes.slice(0, FIRST + 4 + random.number(64)) : bytes;
  };
}

function barOf(random: Random): number {
  return random.pick([0, 0, 1, 2, 4, 0xe001, 0xfe000000, 0xffffffff, random.number(0x10000)]);
}

/** Sizes of entries that lspci can read; of the others it dies. */
function enhancedAllocation(bytes: Uint8Array, random: Random): void {
  bytes[FIRST + 2] = random.number(5) | (random.number(4) << 6);
  for (let at = bytes[0x0e] === 1 ? FIRST + 8 : FIRST + 4; at < 0xe0; ) {
    const dwords = 2 + random.number(6);
    bytes[at] = (bytes[at]! & ~7) | dwords;
    if (dwords < 4) bytes[at + 8] = bytes[at + 8]! & ~2;
    if (dwords < 3) bytes[at + 4] = bytes[at + 4]! & ~2;
    if (random.once(2)) patch(bytes, [at + 1, 1, random.number(10)], [at + 2, 1, 250 + random.number(6)]);
    at += 4 + 4 * dwords;
  }
}

function vendorSpecific(bytes: Uint8Array, random: Random): void {
  const vendor = random.pick([0x8086, 0x1af4, 0x1234]);
  const type = vendor === 0x8086 && random.once(2) ? 1 : random.number(random.once(3) ? 256 : 10);
  const length = type === 8 ? 24 : random.pick([8, 12, 16, 20, 24, random.number(32), 255]);
  const device = random.once(4) ? random.number(0x10000) : 0x1000 + random.number(0x80);
  patch(bytes, [0x00, 2, vendor], [0x02, 2, device], [FIRST + 2, 1, length], [FIRST + 3, 1, type]);
}

function hyperTransport(bytes: Uint8Array, random: Random): void {
  bytes[FIRST + 3] = random.pick([0, 0x20, 0xa8, 0x88, random.number(256)]) | random.number(8);
  for (const revision of [0x08, 0x0c]) {
    bytes[FIRST + revision] = random.once(2) ? 0x20 | random.number(32) : random.number(256);
  }
}

function pcie(bytes: Uint8Array, random: Random): void {
  bytes[FIRST + 2] = (random.once(4) ? random.number(16) : 2) | (random.number(16) << 4);
}

/** A list of capabilities that may lead anywhere: back, nowhere, below the area, past the end. */
const chain: Generator = (random) => {
  const bytes = withCapability(0, random.pick([256, 256, 128, 96]));
  const places = [0x40, 0x48, 0x50, 0x60, 0x7c, 0x80, 0xf8, 0xfc, 0x20, random.number(256)];
  for (const at of places.filter((at) => at >= 0x40 && at + 1 < bytes.length)) {
    patch(
      bytes,
      [at, 1, random.pick([0, 1, 5, 0x11, 0x0d, 0xff, 0x42])],
      [at + 1, 1, random.pick([0, ...places])],
    );
  }
  bytes[0x34] = random.pick(places);
  return random.once(4) ? asBridge(bytes) : bytes;
};

/** What is compared, by name. */
export const generators: Readonly<Record<string, Generator>> = {
  header,
  chain,
  "power management": capability(0x01),
  AGP: capability(0x02),
  "vital product data": capability(0x03),
  "slot identification": capability(0x04),
  MSI: capability(0x05),
  "PCI-X": capability(0x07),
  HyperTransport: capability(0x08, hyperTransport),
  "vendor-specific": capability(0x09, vendorSpecific),
  "debug port": capability(0x0a),
  "bridge subsystem": capability(0x0d),
  "PCI Express": capability(0x10, pcie),
  "MSI-X": capability(0x11),
  SATA: capability(0x12),
  "advanced features": capability(0x13),
  "enhanced allocation": capability(0x14, enhancedAllocation),
  "ids without registers": (random) =>
    capability(random.pick([0x00, 0x06, 0x0b, 0x0c, 0x0e, 0x0f, 0x15, 0x42]))(random),
};
