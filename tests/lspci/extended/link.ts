import type { Random } from "../../vm/harness/random.ts";
import type { Generator } from "../generate.ts";
import { EXTENDED, patch } from "../space.ts";
import { extended } from "./extended.ts";

/** Sets bits of a dword, and leaves the others. */
function steer(bytes: Uint8Array, at: number, lo: number, width: number, value: number): void {
  const view = new DataView(bytes.buffer);
  const mask = ((1 << width) - 1) << lo;
  view.setUint32(EXTENDED + at, (view.getUint32(EXTENDED + at, true) & ~mask) | (value << lo), true);
}

/** As many channels as fit, and each way to take turns. */
function virtualChannels(bytes: Uint8Array, random: Random): void {
  if (!random.once(4)) steer(bytes, 0x04, 0, 3, random.number(8));
  if (random.once(2)) steer(bytes, 0x08, 24, 8, random.pick([0, random.number(256)]));
  for (let at = 0x10; at < 0x70; at += 12) {
    if (random.once(2)) steer(bytes, at, 24, 8, random.pick([0, random.number(256)]));
    if (random.once(2)) steer(bytes, at + 4, 17, 3, random.number(8));
  }
}

/** As many links as fit, to functions or register blocks. */
function rootLinks(bytes: Uint8Array, random: Random): void {
  steer(bytes, 0x04, 8, 8, random.once(8) ? random.number(256) : random.number(16));
  if (!random.once(3)) steer(bytes, 0x04, 0, 8, random.number(5));
  for (let at = 0x10; at < 0x100; at += 16) {
    if (random.once(2)) continue;
    steer(bytes, at, 1, 1, random.number(2));
    patch(bytes, [EXTENDED + at + 8, 4, random.number(2 ** 32)], [EXTENDED + at + 12, 4, random.number(4)]);
  }
}

/** Device numbers in ranges, up to the last one now and then, and the range of buses that has none. */
function eventCollector(bytes: Uint8Array, random: Random): void {
  if (random.once(4))
    patch(bytes, [EXTENDED + 8, 4, random.pick([0x00_ff00, 0x00_ffff, 0x01_ff00, 0x10_0200])]);
  if (random.once(3)) return;
  let bitmap = 0;
  for (let bit = 0; bit < 32; bit++) if (!random.once(4)) bitmap += 2 ** bit;
  patch(bytes, [EXTENDED + 4, 4, random.pick([0, 0xffff_ffff, bitmap, 2 ** random.number(32)])]);
}

/** Lanes with errors, also such as the link does not have. */
function lanes(bytes: Uint8Array, random: Random): void {
  if (random.once(2)) patch(bytes, [EXTENDED + 8, 4, random.pick([0, 0xffff, 0xf, random.number(2 ** 32)])]);
}

/** Latencies and widths, of which each value has its words. */
function device3(bytes: Uint8Array, random: Random): void {
  if (random.once(3)) return;
  steer(bytes, 0x04, 3, 7, random.number(64) * 2 + random.pick([0, 1, 1]));
  steer(bytes, 0x08, 4, 3, random.number(8));
  steer(bytes, 0x0c, 0, 3, random.number(8));
}

/** Anything, in each of its dwords. */
function noise(bytes: Uint8Array, random: Random): void {
  if (random.once(2)) return;
  for (let at = 4; at < 0x40; at += 4) patch(bytes, [EXTENDED + at, 4, random.number(2 ** 32)]);
}

const named = [0x00, 0x06, 0x08, 0x0a, 0x0c, 0x11, 0x14, 0x1a, 0x1c, 0x20, 0x21, 0x22, 0x25, 0x28, 0x29];
const unnamed = [0x2b, 0x2c, 0x2d, 0x33, 0x35, 0x37, 0x42, 0xffff];

/** Extended capabilities of links, ports and the root complex, by name. */
export const linkGenerators: Readonly<Record<string, Generator>> = {
  "virtual channel": extended(0x02, virtualChannels),
  "virtual channel beside MFVC": extended(0x09, virtualChannels),
  "root complex link declaration": extended(0x05, rootLinks),
  "root complex event collector": extended(0x07, eventCollector),
  "secondary PCI Express": extended(0x19, lanes),
  "physical layer 16 GT/s": extended(0x26, noise),
  "physical layer 32 GT/s": extended(0x2a, noise),
  "physical layer 64 GT/s": extended(0x31, noise),
  "lane margining": extended(0x27, noise),
  "device 3": extended(0x2f, device3),
  "flit logging": extended(0x32, noise),
  "flit error injection": extended(0x34, noise),
  "extended capabilities without registers": (random) =>
    extended(random.pick([...named, ...unnamed]), noise)(random),
};
