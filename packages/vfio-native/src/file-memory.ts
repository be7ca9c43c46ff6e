import { fstatSync, statfsSync } from "node:fs";
import {
  CountedMemory,
  checkAligned,
  checkInteger,
  checkType,
  type DmaFile,
  type DmaFileOptions,
  formatValue,
  isPciError,
  PciError,
} from "@userpci/interface";
import { errnoName, systemError } from "./errno.ts";
import { type Mapping, mapFile } from "./mapping.ts";
import type { Native } from "./native.ts";

/** A part of a file, in whole pages. */
interface FilePart {
  readonly offset: number;
  /** Bytes that were asked for. */
  readonly length: number;
  /** Bytes with the rest of the last page. */
  readonly size: number;
  readonly pageSize: number;
  readonly readOnly: boolean;
}

/** A part of a file that devices may reach, mapped as shared: what they write is in the file, and the reverse. */
export class FileMemory extends CountedMemory {
  readonly size: number;
  readonly length: number;
  readonly pageSize: number;
  readonly readOnly: boolean;
  readonly buffer: ArrayBuffer;
  readonly address: bigint;
  readonly file: { readonly fd: number; readonly offset: number };
  readonly #native: Native;
  /** What devices see. */
  readonly #mapping: Mapping;
  /** What this program sees, if that must be another: a write to what is mapped read-only would end the process. */
  readonly #copy: Mapping | undefined;
  /** The guards of the two against a file that is shortened. */
  readonly #claims: number[] = [];

  private constructor(native: Native, fd: number, part: FilePart) {
    super("the file");
    const { PROT_READ, PROT_WRITE } = native.constants;
    const { offset, size, readOnly } = part;
    const rights = PROT_READ | PROT_WRITE;
    this.#native = native;
    this.#mapping = mapFile(native, { fd, offset, size, rights: readOnly ? PROT_READ : rights });
    try {
      this.#copy = readOnly ? mapFile(native, { fd, offset, size, rights, copy: true }) : undefined;
      this.#guard();
    } catch (error) {
      this.#unmap();
      throw error;
    }
    this.size = size;
    this.length = part.length;
    this.pageSize = part.pageSize;
    this.readOnly = readOnly;
    this.address = BigInt(this.#mapping.address);
    this.file = { fd, offset };
    this.buffer = (this.#copy ?? this.#mapping).buffer;
  }

  /** @throws PciError see `MemorySource.openFile` */
  static open(native: Native, file: DmaFile, options: DmaFileOptions): FileMemory {
    checkType("options", options, "object");
    const { readOnly = false } = options;
    checkType("readOnly", readOnly, "boolean");
    const fd = openFile(native, file, readOnly);
    try {
      const part = partOf(native, fd, nameOf(file), { ...options, readOnly });
      return new FileMemory(native, fd, part);
    } catch (error) {
      native.close(fd);
      throw isPciError(error) && error.syscall === "mmap" ? mmapError(error, nameOf(file), readOnly) : error;
    }
  }

  protected free(): void {
    this.#unmap();
    this.#native.close(this.file.fd);
  }

  /** The kernel answers an access behind the end of a file that was shortened with SIGBUS. */
  #guard(): void {
    for (const { address, buffer } of this.#mappings()) {
      const slot = this.#native.claimFaults(address, buffer.byteLength);
      if (slot < 0)
        throw systemError(slot, "claimFaults", { message: "guarding a file that may be shortened" });
      this.#claims.push(slot);
    }
  }

  #unmap(): void {
    for (const slot of this.#claims.splice(0)) this.#native.releaseFaults(slot);
    for (const mapping of this.#mappings()) mapping.retire();
  }

  #mappings(): Mapping[] {
    return this.#copy === undefined ? [this.#mapping] : [this.#mapping, this.#copy];
  }
}

/** Opens a file, or duplicates its descriptor. Returns a descriptor of this environment's. */
function openFile(native: Native, file: DmaFile, readOnly: boolean): number {
  const { path, fd } = (file ?? {}) as { readonly path?: unknown; readonly fd?: unknown };
  if (typeof path === "string") {
    const { O_NONBLOCK, O_RDONLY, O_RDWR } = native.constants;
    // Else a pipe would be waited for: it is no regular file, and refused when it is open.
    const opened = native.open(path, (readOnly ? O_RDONLY : O_RDWR) | O_NONBLOCK);
    if (opened >= 0) return opened;
    throw openError(opened, path, readOnly);
  }
  if (typeof fd !== "number") {
    throw new PciError(
      "ERR_INVALID_ARGUMENT",
      `a file must be { path } or { fd }, not ${formatValue(file)}`,
      {
        hint: 'pass { path: "/dev/shm/name" }, { fd }, or a FileHandle',
      },
    );
  }
  const duplicate = native.dup(checkInteger("fd", fd, 0, 2 ** 31 - 1));
  if (duplicate >= 0) return duplicate;
  throw systemError(duplicate, "dup", { message: `using descriptor ${fd}`, hint: "pass an open descriptor" });
}

/** For messages: a file that could be opened. */
function nameOf({ path, fd }: { readonly path?: string; readonly fd?: number }): string {
  return path ?? `descriptor ${fd}`;
}

const READ_ONLY = '{ readOnly: true, direction: "to-device" }';

/** Why a file could not be opened. */
function openError(result: number, path: string, readOnly: boolean): PciError {
  const mayNot = readOnly
    ? `let this user read ${path}, and enter its folders`
    : `for a file that this user may only read: ${READ_ONLY}`;
  const hints: Partial<Record<string, string>> = {
    EACCES: mayNot,
    EPERM: mayNot,
    EROFS: mayNot,
    ENOENT: `make the file first: truncate -s 4096 ${path}`,
    ENOTDIR: "pass the path of a file",
    EISDIR: "pass the path of a file",
  };
  const hint = hints[errnoName(result)];
  return systemError(result, "open", {
    message: `opening ${path}`,
    path,
    ...(hint !== undefined && { hint }),
  });
}

/** For a descriptor that was opened for less than it is mapped for, and for a memfd whose seals forbid that (mmap(2)). */
function mmapError(error: PciError, name: string, readOnly: boolean): PciError {
  const hints: Partial<Record<string, string>> = readOnly
    ? {
        EACCES: "open the descriptor for reading",
        EPERM:
          "this kernel maps no file that is sealed with F_SEAL_WRITE: seal it with F_SEAL_FUTURE_WRITE instead (fcntl(2))",
      }
    : {
        EACCES: `open the descriptor for writing, or pass ${READ_ONLY}`,
        EPERM: `the file is sealed against writing (F_SEAL_WRITE, fcntl(2)): leave that seal out, or pass ${READ_ONLY}`,
      };
  return systemError(error.errno!, "mmap", {
    message: `mapping ${name}`,
    hint: hints[error.code] ?? error.hint!,
  });
}

/** `HUGETLBFS_MAGIC` (`linux/magic.h`): a file of huge pages, whose size is that of the file system's blocks. */
const HUGETLBFS = 0x958458f6;

/** @throws PciError `ERR_MISALIGNED`, `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARGUMENT` */
function partOf(
  native: Native,
  fd: number,
  name: string,
  options: DmaFileOptions & { readOnly: boolean },
): FilePart {
  const stat = fstatSync(fd);
  const { type, bsize } = statfsSync(`/proc/self/fd/${fd}`);
  if (!stat.isFile()) {
    throw new PciError("ERR_INVALID_ARGUMENT", "what is mapped by its descriptor must be a regular file", {
      hint: "a BAR goes through device.bar(n); memory for DMA comes from device.dma.alloc(size)",
    });
  }
  if (stat.size === 0) {
    throw new PciError("ERR_OUT_OF_RANGE", `${name} is empty`, {
      hint: "write to it first, or give it a size, as truncate -s 4096 does",
    });
  }
  const pageSize = type === HUGETLBFS ? bsize : native.pageSize();
  const offset = checkInteger("offset", options.offset ?? 0, 0, stat.size - 1);
  checkAligned("offset", offset, pageSize);
  const length = checkInteger("size", options.size ?? stat.size - offset, 1, stat.size - offset);
  const size = Math.ceil(length / pageSize) * pageSize;
  return { offset, length, size, pageSize, readOnly: options.readOnly };
}
