import {
  BLOCK,
  badArchive,
  checksumOf,
  header,
  paddedSize,
  type TarEntry,
  type TarField,
  tarType,
} from "./tar-format.ts";

/** Most entries of an archive: a machine with a thousand functions has 60 000. */
const MAX_ENTRIES = 250_000;
/** Longest path and link target in bytes (`PATH_MAX` of `linux/limits.h`, its zero byte included). */
const MAX_PATH = 4095;
/** Most bytes of the records before an entry. */
const MAX_RECORDS = 64 * 1024;

/** What records before an entry say of it, in place of its header. */
interface Overrides {
  path?: string;
  target?: string;
}

/**
 * Reads a tar archive: ustar, with the long names of pax and GNU tar. Hard links, devices and sparse files are refused: no
 * tree of sysfs has any. Nothing is written; where paths lead is for {@link unpackTree} to judge.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for what is no archive, is cut off, or has more than 250 000 entries
 */
export function readTar(bytes: Uint8Array): TarEntry[] {
  const entries: TarEntry[] = [];
  let overrides: Overrides = {};
  for (let at = 0; at + BLOCK <= bytes.length; ) {
    const block = bytes.subarray(at, at + BLOCK);
    if (block.every((byte) => byte === 0)) return entries;
    const type = typeOf(block, at);
    const size = numberIn(block, header.size, at);
    const start = at + BLOCK;
    if (size > bytes.length - start) throw badArchive(`ends within an entry, at byte ${bytes.length}`);
    const content = bytes.subarray(start, start + size);
    at = start + paddedSize(size);
    const more = recordsIn(type, content);
    if (more !== null) {
      overrides = { ...overrides, ...more };
      continue;
    }
    entries.push(entryOf(block, type, content, overrides));
    overrides = {};
    if (entries.length > MAX_ENTRIES) throw badArchive(`has more than ${MAX_ENTRIES} entries`);
  }
  // Without its end: whoever wrote it was interrupted.
  throw badArchive(`of ${bytes.length} bytes has no end`);
}

/** @throws PciError for a block that is no header */
function typeOf(block: Uint8Array, at: number): string {
  const expected = numberIn(block, header.checksum, at);
  if (checksumOf(block) !== expected) throw badArchive(`has no header at byte ${at}: its checksum is wrong`);
  const type = textIn(block, header.type);
  return type === "" || type === "7" ? tarType.file : type;
}

function entryOf(block: Uint8Array, type: string, content: Uint8Array, overrides: Overrides): TarEntry {
  const path = overrides.path ?? pathIn(block);
  const kind = kindOf(type, path);
  const target = kind === "link" ? (overrides.target ?? textIn(block, header.linkName)) : "";
  for (const text of [path, target]) {
    if (Buffer.byteLength(text) > MAX_PATH) throw badArchive(`has a path of more than ${MAX_PATH} bytes`);
    if (text.includes("\0")) throw badArchive("has a path with a zero byte in it");
  }
  return {
    path: path.replace(/^(\.?\/)+|\/+$/g, ""),
    kind,
    content: kind === "file" ? content : new Uint8Array(),
    target,
    mode: numberIn(block, header.mode, 0) & 0o777,
  };
}

function kindOf(type: string, path: string): TarEntry["kind"] {
  if (type === tarType.link) return "link";
  if (type === tarType.directory) return "directory";
  // Before POSIX, a directory was a file whose name ends in a slash.
  if (type === tarType.file) return path.endsWith("/") ? "directory" : "file";
  const hint = "a copy of a machine has files, directories and symbolic links only";
  throw badArchive(`has ${JSON.stringify(path)}, of type ${JSON.stringify(type)}`, hint);
}

/** Name and prefix. GNU tar, whose magic ends in a space, keeps times where the prefix is. */
function pathIn(block: Uint8Array): string {
  const prefix = textIn(block, header.magic) === "ustar" ? textIn(block, header.prefix) : "";
  const name = textIn(block, header.name);
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** What an entry says of the next one; null if it is one of its own. */
function recordsIn(type: string, content: Uint8Array): Overrides | null {
  const isRecord = [tarType.pax, tarType.paxGlobal, tarType.gnuName, tarType.gnuLink].some(
    (is) => is === type,
  );
  if (!isRecord) return null;
  if (content.length > MAX_RECORDS) throw badArchive(`has records of more than ${MAX_RECORDS} bytes`);
  // What holds for all entries is a comment of `git archive`, or nothing that a tree needs.
  if (type === tarType.paxGlobal) return {};
  if (type === tarType.pax) return parsePax(Buffer.from(content));
  const text = Buffer.from(content).toString().replace(/\0.*$/s, "");
  return type === tarType.gnuName ? { path: text } : { target: text };
}

/** Records of the form `LENGTH key=value\n`. Only names concern a tree. */
function parsePax(content: Buffer): Overrides {
  const found: Overrides = {};
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(0x20, at);
    const digits = space < 0 ? "" : content.toString("latin1", at, space);
    const length = /^\d{1,6}$/.test(digits) ? Number(digits) : 0;
    if (length <= digits.length + 1 || at + length > content.length)
      throw badArchive("has a broken pax record");
    const [, key, value] = /^([^=]*)=(.*)\n$/s.exec(content.toString("utf8", space + 1, at + length)) ?? [];
    if (value === undefined) throw badArchive("has a pax record without a value");
    if (key === "path") found.path = value;
    else if (key === "linkpath") found.target = value;
    else if (key === "size") throw badArchive("has a file of more than 8 GiB");
    at += length;
  }
  return found;
}

/** Text up to a zero byte. */
function textIn(block: Uint8Array, [offset, length]: TarField): string {
  const field = Buffer.from(block.subarray(offset, offset + length));
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? length : end);
}

/** @throws PciError for what is no octal number: GNU tar's form for more than 8 GiB, and damage */
function numberIn(block: Uint8Array, field: TarField, at: number): number {
  const text = textIn(block, field).trim();
  if (/^[0-7]{0,12}$/.test(text)) return Number.parseInt(text || "0", 8);
  throw badArchive(`has no header at byte ${at}: a number in it is none`);
}
