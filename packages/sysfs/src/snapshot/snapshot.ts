import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { checkType, isPciError, PciError } from "@userpci/interface";
import { listFunctions } from "../find.ts";
import { functionPath } from "../function.ts";
import { checkTreeOptions } from "../options.ts";
import { pathIn, readText, systemFailure, type TreeOptions } from "../tree.ts";
import { Collector, type Edit } from "./collector.ts";
import { type Content, contents } from "./contents.ts";
import { excerptOf } from "./excerpt.ts";
import { MANIFEST, readManifest, type SnapshotManifest } from "./manifest.ts";
import { redact } from "./redact.ts";
import { badArchive } from "./tar-format.ts";
import { readTar } from "./tar-reader.ts";
import { unpackTree } from "./unpack.ts";

/** Most bytes of an archive, packed and unpacked. */
const MAX_ARCHIVE = 256 << 20;

/** How a snapshot is made. */
export interface SnapshotOptions extends TreeOptions {
  /** Takes out MAC and IP addresses, serial numbers, UUIDs and host names. Default false. */
  readonly redact?: boolean;
  /** Packs the archive with gzip. Default: what the name of the file ends in, `.gz` or `.tgz`. */
  readonly gzip?: boolean;
}

/** A snapshot, and what it says of itself. */
export interface Snapshot {
  /** The archive. */
  readonly bytes: Uint8Array;
  /** Number of files, links and directories. */
  readonly entries: number;
  readonly manifest: SnapshotManifest;
}

/** A snapshot that can be read as `root` of every function of this package, until it is closed. */
export interface OpenSnapshot extends Disposable {
  /** Directory that stands for `/`. */
  readonly root: string;
  /** Removes the directory, if it was unpacked from an archive. May be called twice. */
  close(): void;
}

/**
 * Copies what the system says of its PCI devices, and what a diagnosis needs beside it, into a tar archive: attributes of
 * sysfs, configuration spaces, the kernel's command line, options and modules, ACPI's tables of the IOMMU, limits, mounts and
 * routes. VPD, serial numbers of disks and of the machine, and processes are not in it; MAC and IP addresses, UUIDs and the
 * serial numbers in configuration space are unless `redact` is set. What this user may not read is there as an empty file.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for options of another type, `ERR_OUT_OF_RANGE` for more than 128 MiB
 */
export async function makeSnapshot(options: SnapshotOptions = {}): Promise<Snapshot> {
  checkTreeOptions(options);
  const kernel = readText(pathIn(options, "/proc/sys/kernel/osrelease"));
  const collector = new Collector(options.root ?? "/", editFor(options));
  for (const row of contents) {
    collector.add(withRelease(row, kernel));
    await setImmediate();
  }
  const manifest = manifestOf(collector, kernel, options);
  collector.addText(MANIFEST, `${JSON.stringify(manifest, null, 2)}\n`);
  const tar = collector.finish();
  const bytes = options.gzip === true ? (await import("node:zlib")).gzipSync(tar, { level: 9 }) : tar;
  return { bytes, entries: collector.entries + 1, manifest };
}

/** Of a copy of a snapshot, what cannot be seen in its files is what the first one said. */
function manifestOf(
  { nodes, unreadable, truncated }: Collector,
  kernel: string | null,
  options: SnapshotOptions,
): SnapshotManifest {
  const former = readManifest(options);
  return {
    format: 1,
    kernel,
    uid: former?.uid ?? process.geteuid?.() ?? 0,
    redacted: options.redact === true || former?.redacted === true,
    nodes: [...(former?.nodes ?? []), ...nodes],
    unreadable: [...(former?.unreadable ?? []), ...unreadable],
    truncated: [...new Set([...(former?.truncated ?? []), ...truncated])],
  };
}

/**
 * {@link makeSnapshot} into a new file that only its owner can read.
 *
 * @param path whose name tells whether it is packed: `.tar`, `.tar.gz`, `.tgz`
 * @throws PciError what `makeSnapshot` does; with the system's code, `EEXIST` among them, if the file cannot be made
 */
export async function writeSnapshot(path: string, options: SnapshotOptions = {}): Promise<Snapshot> {
  checkType("path", path, "string");
  const snapshot = await makeSnapshot({ gzip: /\.(gz|tgz)$/.test(path), ...options });
  try {
    await writeFile(path, snapshot.bytes, { flag: "wx", mode: 0o600 });
  } catch (cause) {
    const { code, system } = systemFailure(cause);
    const hint =
      code === "EEXIST"
        ? "give the name of a file that is not there yet"
        : "give a file in a directory that you may write";
    throw new PciError(code, `${path} cannot be made: ${code}`, { ...system, path, hint });
  }
  return snapshot;
}

/**
 * Makes a snapshot readable: an archive, packed with gzip or not, is unpacked into a directory of its own; a directory is taken
 * as it is. An archive may come from anywhere: nothing is written outside the directory, and no link in it leads out.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for what is neither, is damaged, or is larger than 256 MiB; with the system's code for what cannot be read
 */
export function openSnapshot(path: string): OpenSnapshot {
  checkType("path", path, "string");
  const archive = readArchive(path);
  if (archive === null) return { root: path, close: () => {}, [Symbol.dispose]: () => {} };
  const entries = readTar(unpacked(archive));
  const root = mkdtempSync(join(tmpdir(), "userpci-snapshot-"));
  // A file's mode may keep even its owner from it; a directory's never does.
  const close = () => rmSync(root, { recursive: true, force: true });
  try {
    unpackTree(entries, root);
  } catch (error) {
    close();
    throw error;
  }
  return { root, close, [Symbol.dispose]: close };
}

/** The bytes of a file; null for a directory. */
function readArchive(path: string): Buffer | null {
  const hint = "give a tar archive, or a directory";
  try {
    const stats = statSync(path);
    if (stats.isDirectory()) return null;
    if (!stats.isFile()) throw badArchive(`${path} is neither a file nor a directory`, hint);
    if (stats.size > MAX_ARCHIVE) throw badArchive(`has ${stats.size} bytes, more than ${MAX_ARCHIVE}`);
    return readFileSync(path);
  } catch (cause) {
    if (isPciError(cause)) throw cause;
    const { code, system } = systemFailure(cause);
    throw new PciError(code, `${path} cannot be read: ${code}`, { ...system, path, hint });
  }
}

/** @throws PciError for a stream that is damaged, or becomes too large */
function unpacked(bytes: Buffer): Uint8Array {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    const { gunzipSync } = process.getBuiltinModule("node:zlib");
    return gunzipSync(bytes, { maxOutputLength: MAX_ARCHIVE });
  } catch (cause) {
    throw badArchive(`cannot be unpacked: ${(cause as Error).message}`);
  }
}

const withRelease = (row: Content, release: string | null): Content => {
  const put = (text: string) => text.replace("RELEASE", release ?? "");
  return { ...row, at: put(row.at), names: row.names.map(put) };
};

function editFor(options: SnapshotOptions): Edit {
  let modaliases: readonly string[] | undefined;
  return (path, content, { excerpt }) => {
    modaliases ??= listFunctions(options).map(
      (fn) => readText(functionPath(fn.address, options, "modalias")) ?? "",
    );
    const kept =
      excerpt === undefined || content.length === 0 ? content : excerptOf(excerpt, content, modaliases);
    return options.redact === true ? redact(path, Buffer.from(kept)) : kept;
  };
}
