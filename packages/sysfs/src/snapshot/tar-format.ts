import { PciError } from "@userpci/interface";

/** Bytes of a tar archive's unit: a header, or a part of a file's content. */
export const BLOCK = 512;

/** A field of a header: where it is, and how many bytes it has. */
export type TarField = readonly [offset: number, length: number];

/** Header of the ustar interchange format (POSIX.1-2017, pax, "ustar Interchange Format"). */
export const header = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  linkName: [157, 100],
  magic: [257, 6],
  version: [263, 2],
  prefix: [345, 155],
} as const satisfies Readonly<Record<string, TarField>>;

/** What an entry is: its type flag. The last three tell of the entry that follows. */
export const tarType = {
  file: "0",
  link: "2",
  directory: "5",
  /** Records that hold for the next entry (pax). */
  pax: "x",
  /** Records that hold for all that follow (pax). */
  paxGlobal: "g",
  /** The next entry's name and link, where GNU tar has no room for them in its header. */
  gnuName: "L",
  gnuLink: "K",
} as const;

/** An entry of an archive, as far as a tree of text files has any. */
export interface TarEntry {
  /** Without a slash at its beginning or end: `sys/bus/pci/devices`. */
  readonly path: string;
  readonly kind: "file" | "directory" | "link";
  /** Of a file; empty for others. */
  readonly content: Uint8Array;
  /** Of a link; empty for others. */
  readonly target: string;
  /** Permission bits. */
  readonly mode: number;
}

/** The sum of a header's bytes, its checksum field taken as spaces. */
export function checksumOf(block: Uint8Array): number {
  const [offset, length] = header.checksum;
  let sum = 0x20 * length;
  for (let at = 0; at < BLOCK; at++) {
    if (at < offset || at >= offset + length) sum += block[at]!;
  }
  return sum;
}

/** Bytes that a content of `size` takes, filled up to whole blocks. */
export function paddedSize(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

/** The error for an archive that is refused. */
export function badArchive(message: string, hint = "make it again: userpci snapshot FILE"): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", `the archive ${message}`, { hint });
}
