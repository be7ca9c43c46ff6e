import { constants } from "node:os";
import {
  type AdoptOptions,
  CountedMemory,
  checkInteger,
  checkType,
  type DmaBytes,
  type DmaFile,
  type DmaFileOptions,
  type DmaMemory,
  isPciError,
  type MemoryOptions,
  type MemorySource,
  PciError,
} from "@userpci/interface";
import { AdoptedMemory } from "./adopted-memory.ts";
import { systemError } from "./errno.ts";
import { FileMemory } from "./file-memory.ts";
import { countHugePages, HUGE_PAGES_FOLDER, hugePageFolder, hugePages } from "./huge-pages.ts";
import { type Mapping, mapFile } from "./mapping.ts";
import { loadNative, type Native } from "./native.ts";
import { ASYNC_SIZE } from "./pinning.ts";
import { type SharedMemfd, shareMemfd } from "./shared-memfd.ts";
import { Tether } from "./tether.ts";

/** Memory whose bytes can be moved to another file, so that whoever has mapped the first is left with that. */
export interface RenewableMemory extends DmaMemory {
  readonly file: { readonly fd: number; readonly offset: number };
  /**
   * Moves the bytes to a new file. They stay what and where they are in this process; whoever has the former descriptor keeps
   * a copy that nobody uses any more. For memory that no device has mapped.
   *
   * @throws PciError `ERR_CLOSED`, `ERR_BUSY` if it was shared with other threads, which would stay with the former file, or with the
   * system's code; nothing is changed then
   */
  renew(): void;
}

/** Bytes that are copied at a time. */
const CHUNK = 2 ** 16;

/** Memory that devices may reach, in a memfd of its own. */
class MemfdMemory extends CountedMemory implements RenewableMemory {
  readonly size: number;
  readonly pageSize: number;
  readonly buffer: ArrayBuffer;
  readonly address: bigint;
  file: { readonly fd: number; readonly offset: number };
  readonly #native: Native;
  readonly #mapping: Mapping;
  /** Makes another empty file of the same kind. */
  readonly #another: () => number;
  #tether: Tether | undefined;
  /** Whether the file outlives {@link free}: its last pages go with its descriptor. */
  #keepsFile = false;

  constructor(native: Native, fd: number, mapping: Mapping, pageSize: number, another: () => number) {
    super("the DMA memory");
    this.#another = another;
    this.#native = native;
    this.#mapping = mapping;
    this.size = mapping.buffer.byteLength;
    this.pageSize = pageSize;
    this.address = BigInt(mapping.address);
    this.file = { fd, offset: 0 };
    this.buffer = mapping.buffer;
  }

  share(): SharedMemfd {
    this.assertOpen();
    this.#tether ??= new Tether(this.#native);
    return shareMemfd(this.file.fd, this.size, this.#tether);
  }

  renew(): void {
    this.assertOpen();
    if (this.#tether !== undefined) {
      const hint = "renew it before it is shared";
      throw new PciError("ERR_BUSY", `${this.size} bytes of memory are shared with other threads`, { hint });
    }
    const fd = this.#another();
    try {
      this.#copyTo(fd);
      this.#mapping.exchange(fd);
    } catch (error) {
      this.#native.close(fd);
      throw error;
    }
    this.#native.close(this.file.fd);
    this.file = { fd, offset: 0 };
  }

  /** Copies what is not 0, so that the file takes no more memory than it must. */
  #copyTo(fd: number): void {
    const zeros = Buffer.alloc(CHUNK);
    for (let at = 0; at < this.size; at += CHUNK) {
      const bytes = Buffer.from(this.buffer, at, Math.min(CHUNK, this.size - at));
      if (bytes.equals(zeros.subarray(0, bytes.length))) continue;
      const written = this.#native.pwrite(fd, bytes, at);
      if (written !== bytes.length) {
        throw systemError(written < 0 ? written : -constants.errno.ENOSPC, "pwrite");
      }
    }
  }

  /** Frees the pages on another thread, if they are many: those of 512 MiB take 0.1 s. */
  async closeAsync(): Promise<void> {
    if (this.closed) return;
    if (this.size < ASYNC_SIZE) return this.close();
    this.#keepsFile = true;
    try {
      this.close();
    } finally {
      this.#keepsFile = false;
    }
    await this.#native.closeAsync(this.file.fd);
  }

  protected free(): void {
    this.#mapping.retire();
    this.#tether?.close();
    if (!this.#keepsFile) this.#native.close(this.file.fd);
  }
}

/** memfd_create(2) takes names of at most 249 bytes. */
const LONGEST_LABEL = 249;

function checkLabel(label: string): string {
  checkType("label", label, "string");
  const length = Buffer.byteLength(label);
  if (length <= LONGEST_LABEL && !label.includes("\0")) return label;
  throw new PciError("ERR_INVALID_ARGUMENT", `a label of ${length} bytes cannot name memory`, {
    hint: `use at most ${LONGEST_LABEL} bytes, none of them 0`,
  });
}

/**
 * Memory for DMA from sealed memfds: shared, so that a fork cannot move it away from the device (row R19), kept from
 * children, and unable to shrink under a mapping. Bytes are zero at first. Beside it, memory that the caller has.
 */
export class MemfdSource implements MemorySource {
  readonly name = "memfd";
  readonly #native: Native | undefined;

  constructor();
  /** @internal @param native the addon; loaded at the first use if not given */
  constructor(native: Native);
  constructor(native?: Native) {
    this.#native = native;
  }

  get pageSize(): number {
    return (this.#native ?? loadNative()).pageSize();
  }

  alloc(size: number, options: MemoryOptions = {}): RenewableMemory {
    const native = this.#native ?? loadNative();
    checkInteger("size", size, 1, 2 ** 46);
    checkType("options", options, "object");
    const pageSize = checkInteger("pageSize", options.pageSize ?? native.pageSize(), 1, 2 ** 46);
    const { fallback = false } = options;
    checkType("fallback", fallback, "boolean");
    const label = checkLabel(options.label ?? "userpci-dma");
    this.#flags(native, pageSize);
    const smaller = fallback
      ? [...hugePages.keys(), native.pageSize()].filter((each) => each < pageSize)
      : [];
    const failures: unknown[] = [];
    for (const each of [pageSize, ...smaller.sort((a, b) => b - a)]) {
      try {
        return this.#allocate(native, size, each, label);
      } catch (error) {
        failures.push(error);
        if (!lacksPages(error)) break;
      }
    }
    throw failures[0];
  }

  #allocate(native: Native, size: number, pageSize: number, label: string): RenewableMemory {
    const rounded = Math.ceil(size / pageSize) * pageSize;
    const { F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL, PROT_READ, PROT_WRITE } = native.constants;
    const seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    const open = (): number => {
      const fd = native.memfd(label, rounded, this.#flags(native, pageSize), seals);
      if (fd < 0) throw this.#failure(fd, "memfd_create", rounded, pageSize);
      return fd;
    };
    const fd = open();
    try {
      const mapping = mapFile(native, { fd, offset: 0, size: rounded, rights: PROT_READ | PROT_WRITE });
      return new MemfdMemory(native, fd, mapping, pageSize, open);
    } catch (error) {
      native.close(fd);
      throw isPciError(error) && error.errno ? this.#failure(error.errno, "mmap", rounded, pageSize) : error;
    }
  }

  adopt(bytes: DmaBytes, options: AdoptOptions = {}): DmaMemory {
    return AdoptedMemory.adopt(this.#native ?? loadNative(), bytes, options);
  }

  openFile(file: DmaFile, options: DmaFileOptions = {}): DmaMemory {
    return FileMemory.open(this.#native ?? loadNative(), file, options);
  }

  #flags({ constants }: Native, pageSize: number): number {
    if (pageSize === this.pageSize) return 0;
    const huge = hugePages.get(pageSize);
    if (huge !== undefined) return constants.MFD_HUGETLB | constants[huge];
    throw new PciError("ERR_NOT_SUPPORTED", `no memory has pages of ${pageSize} bytes`, {
      hint: `use ${this.pageSize}, 2 ** 21 (2 MiB) or 2 ** 30 (1 GiB)`,
    });
  }

  #failure(result: number, syscall: string, size: number, pageSize: number): PciError {
    const message = `allocating ${size} bytes in pages of ${pageSize} bytes`;
    if (pageSize !== this.pageSize) return hugePageError(result, syscall, message, pageSize, size / pageSize);
    return systemError(result, syscall, {
      message,
      hint: "allocate less, or close buffers that are no longer used",
    });
  }
}

/** Whether pages of another size may be had: there are too few (ENOMEM), or the kernel has no such size. */
function lacksPages(error: unknown): boolean {
  return ["ENOMEM", "ENODEV", "ENOSYS"].some((code) => isPciError(error, code));
}

/** @param needed how many pages */
function hugePageError(
  result: number,
  syscall: string,
  what: string,
  pageSize: number,
  needed: number,
): PciError {
  const { free, total } = countHugePages(pageSize);
  const missing = Math.max(1, needed - free);
  return systemError(result, syscall, {
    message: `${what}: ${needed} are needed, and ${free} of ${total} are free`,
    hint:
      `as root: cd ${HUGE_PAGES_FOLDER}/${hugePageFolder(pageSize)}; echo $(($(cat nr_hugepages) + ${missing})) > nr_hugepages; ` +
      "or { fallback: true } for smaller pages where there are none",
    details: { pageSize, needed, free, total },
  });
}
