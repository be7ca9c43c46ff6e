import type { Region } from "@userpci/interface";
import { readBytes } from "@userpci/pci-config";
import type { Subject } from "./subject.ts";

/** Something that the kernel does and we do not, or the other way round. */
export interface Difference {
  readonly address: string;
  /** The register: owner and offset in it, such as `pcie+8`. */
  readonly place: string;
  /** `shown`: what the user reads after a write; `device`: what the function then has; `initial`: before any write. */
  readonly what: "initial" | "shown" | "device";
  readonly width: Width;
  /** What was written. */
  readonly wrote?: number;
  readonly kernel: number;
  readonly ours: number;
}

export type Width = 8 | 16 | 32;
const widths: readonly Width[] = [8, 16, 32];

/** First byte of the extended area. */
const STANDARD_SIZE = 256;

const read = (region: Region, width: Width, at: number): number => region[`read${width}`](at);
const write = (region: Region, width: Width, at: number, value: number): void =>
  region[`write${width}`](at, value);

/** Compares what is read of every byte, word and dword before anything is written. */
export function compareInitial(subject: Subject): Difference[] {
  const found: Difference[] = [];
  const { address, kernel, copy } = subject;
  for (const width of widths) {
    for (let at = 0; at < copy.size; at += width / 8) {
      const shown = { kernel: read(kernel, width, at), ours: read(copy, width, at) };
      if (shown.kernel === shown.ours) continue;
      found.push({ address, place: placeOf(subject, at), what: "initial", width, ...shown });
    }
  }
  return found;
}

/** All ones, all zeros, and each bit alone. */
const patterns = (width: Width): number[] => [
  2 ** width - 1,
  0,
  ...Array.from({ length: width }, (_, bit) => 2 ** bit),
];

/**
 * What is written to a register. A wider access is what its bytes are, but for how it is split, which two patterns show. Nobody's
 * bytes past the standard area have one rule between them: they get ones and zeros by dwords, and the single bit walks through their
 * bytes.
 */
function valuesFor({ owners }: Subject, width: Width, at: number): readonly number[] {
  const isNobodys = at >= STANDARD_SIZE && owners.ownerOf(at) === undefined;
  if (isNobodys && width === 16) return [];
  if (width !== 8) return patterns(width).slice(0, 2);
  return isNobodys ? [1 << (at & 7)] : patterns(8);
}

/** Writes patterns to every register of a width, through the kernel and through us, and compares what comes of it. */
export function compareWrites(subject: Subject, width: Width): Difference[] {
  const found: Difference[] = [];
  for (let at = 0; at < subject.ours.size; at += width / 8) {
    const values = valuesFor(subject, width, at);
    if (values.length > 0) found.push(...compareRegister(subject, width, at, values));
  }
  return found;
}

function compareRegister(
  subject: Subject,
  width: Width,
  at: number,
  values: readonly number[],
): Difference[] {
  const { address, kernel, ours, raw } = subject;
  const place = placeOf(subject, at);
  const dword = at & ~3;
  const before = { raw: raw.read32(dword), kernel: read(kernel, width, at), ours: read(ours, width, at) };
  const found: Difference[] = [];
  const attempt = (user: Region, wrote: number): { shown: number; device: number } => {
    write(user, width, at, wrote);
    const result = { shown: read(user, width, at), device: raw.read32(dword) };
    restore(raw, dword, result.device, before.raw);
    return result;
  };
  for (const wrote of values) {
    const theirs = attempt(kernel, wrote);
    const mine = attempt(ours, wrote);
    for (const what of ["shown", "device"] as const) {
      if (theirs[what] === mine[what]) continue;
      found.push({ address, place, what, width, wrote, kernel: theirs[what], ours: mine[what] });
    }
  }
  for (const [user, value] of [
    [kernel, before.kernel],
    [ours, before.ours],
  ] as const) {
    write(user, width, at, value);
    restore(raw, dword, raw.read32(dword), before.raw);
  }
  return found;
}

/** BAR 0 to 5 and the expansion ROM. */
const baseAddresses = [0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x30];

/** Sizes all BARs as a driver does, then places them at an address that none is aligned to. */
export function compareSizing(subject: Subject): Difference[] {
  const { address, kernel, ours } = subject;
  const found: Difference[] = [];
  for (const wrote of [0xffff_ffff, 0x1234_5678]) {
    for (const user of [kernel, ours]) for (const at of baseAddresses) user.write32(at, wrote);
    for (const at of baseAddresses) {
      const shown = { kernel: kernel.read32(at), ours: ours.read32(at) };
      if (shown.kernel === shown.ours) continue;
      found.push({ address, place: placeOf(subject, at), what: "shown", width: 32, wrote, ...shown });
    }
  }
  return found;
}

/** Puts bytes of the function back that a write changed, and leaves the others alone. */
function restore(raw: Region, dword: number, is: number, wanted: number): void {
  const changed = is ^ wanted;
  for (let byte = 0; changed !== 0 && byte < 4; byte++) {
    if (((changed >>> (8 * byte)) & 0xff) !== 0) raw.write8(dword + byte, (wanted >>> (8 * byte)) & 0xff);
  }
}

/** The bytes of the function, to prove that the comparison left it as it was. */
export function bytesOf({ raw }: Subject): Uint8Array {
  return readBytes(raw, 0, raw.size);
}

function placeOf({ owners }: Subject, at: number): string {
  const owner = owners.ownerOf(at);
  return owner === undefined
    ? `nobody@${at.toString(16)}`
    : `${owner.name}+${(at - owner.offset).toString(16)}`;
}
