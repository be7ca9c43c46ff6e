import { BLOCK, checksumOf, header, paddedSize, type TarField, tarType } from "./tar-format.ts";

/** Two blocks of zeros end an archive. */
const END = 2 * BLOCK;

/** What a header says of an entry. */
interface Entry {
  readonly path: string;
  readonly type: string;
  readonly mode: number;
  readonly content?: Uint8Array;
  readonly target?: string;
}

/**
 * Writes a tar archive in the ustar format, with pax records for names that a header has no room for. Owners and times are
 * left out, so that equal trees make equal archives.
 */
export class TarWriter {
  readonly #blocks: Uint8Array[] = [];
  #size = 0;

  /** Bytes so far. */
  get size(): number {
    return this.#size;
  }

  /** Adds a file. */
  file(path: string, content: Uint8Array, mode = 0o644): void {
    this.#add({ path, type: tarType.file, mode, content });
  }

  /** Adds a directory. */
  directory(path: string): void {
    this.#add({ path: `${path}/`, type: tarType.directory, mode: 0o755 });
  }

  /** Adds a symbolic link. @param target as written into the link */
  link(path: string, target: string): void {
    this.#add({ path, type: tarType.link, mode: 0o777, target });
  }

  /** The archive. */
  finish(): Uint8Array {
    return Buffer.concat([...this.#blocks, new Uint8Array(END)]);
  }

  #add(entry: Entry): void {
    const records = paxRecords(entry);
    if (records.length > 0) this.#put({ path: "pax", type: tarType.pax, mode: 0o644, content: records });
    this.#put(entry);
  }

  #put(entry: Entry): void {
    this.#push(headerOf(entry));
    const { content } = entry;
    if (content === undefined || content.length === 0) return;
    this.#push(content);
    this.#push(new Uint8Array(paddedSize(content.length) - content.length));
  }

  #push(bytes: Uint8Array): void {
    this.#blocks.push(bytes);
    this.#size += bytes.length;
  }
}

/** Records for what the header cuts off; empty if it has room for all. */
function paxRecords({ path, target = "" }: Entry): Uint8Array {
  const records = [
    ...(splitPath(path) === null ? [paxRecord("path", path)] : []),
    ...(Buffer.byteLength(target) > header.linkName[1] ? [paxRecord("linkpath", target)] : []),
  ];
  return Buffer.from(records.join(""));
}

/** `30 path=…\n`: its length comes first, and counts its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest;
  while (length !== rest + String(length).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

function headerOf(entry: Entry): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const text = ([offset, length]: TarField, value: string) => block.write(value, offset, length, "utf8");
  const octal = ([offset, length]: TarField, value: number) =>
    text([offset, length - 1], value.toString(8).padStart(length - 1, "0"));
  const { prefix, name } = splitPath(entry.path) ?? { prefix: "", name: entry.path };
  text(header.name, name);
  text(header.prefix, prefix);
  octal(header.mode, entry.mode);
  octal(header.uid, 0);
  octal(header.gid, 0);
  octal(header.size, entry.content?.length ?? 0);
  octal(header.mtime, 0);
  text(header.type, entry.type);
  text(header.linkName, entry.target ?? "");
  text(header.magic, "ustar\0");
  text(header.version, "00");
  // Six digits, a zero byte and a space, as every tar writes it.
  text(header.checksum, `${checksumOf(block).toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** A path as the header's two fields hold it; null if they do not. */
function splitPath(path: string): { prefix: string; name: string } | null {
  if (Buffer.byteLength(path) <= header.name[1]) return { prefix: "", name: path };
  for (let at = path.indexOf("/"); at > 0; at = path.indexOf("/", at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    const fits = Buffer.byteLength(prefix) <= header.prefix[1] && Buffer.byteLength(name) <= header.name[1];
    if (fits && name !== "") return { prefix, name };
  }
  return null;
}
