import {
  checkInteger,
  checkType,
  type DmaMemory,
  isPciError,
  type MemoryOptions,
  type MemorySource,
  PciError,
} from "@userpci/interface";
import { systemError } from "./errno.ts";
import { type Mapping, mapShared } from "./mapping.ts";
import { loadNative, type Native } from "./native.ts";
import type { NativeConstant } from "./native-constants.ts";
import { type SharedMemfd, shareMemfd } from "./shared-memfd.ts";
import { Tether } from "./tether.ts";

/** Sizes of huge pages that memfd_create(2) can be asked for. */
const HUGE_PAGES = new Map<number, NativeConstant>([
  [2 ** 21, "MFD_HUGE_2MB"],
  [2 ** 30, "MFD_HUGE_1GB"],
]);

/** Memory that devices may reach, in a memfd of its own. */
class MemfdMemory implements DmaMemory {
  readonly size: number;
  readonly pageSize: number;
  readonly buffer: ArrayBuffer;
  readonly address: bigint;
  readonly file: { readonly fd: number; readonly offset: number };
  readonly #native: Native;
  readonly #mapping: Mapping;
  #users = 0;
  #closed = false;
  #tether: Tether | undefined;

  constructor(native: Native, fd: number, mapping: Mapping, pageSize: number) {
    this.#native = native;
    this.#mapping = mapping;
    this.size = mapping.buffer.byteLength;
    this.pageSize = pageSize;
    this.address = BigInt(mapping.address);
    this.file = { fd, offset: 0 };
    this.buffer = mapping.buffer;
  }

  get closed(): boolean {
    return this.#closed;
  }

  retain(): void {
    if (this.#closed)
      throw new PciError("ERR_CLOSED", "the DMA memory is closed", { hint: "allocate it again" });
    this.#users += 1;
  }

  release(): void {
    if (this.#users === 0) {
      throw new PciError("ERR_INVALID_ARGUMENT", "the DMA memory is released more often than retained", {
        hint: "call release() once for each call of retain()",
      });
    }
    this.#users -= 1;
  }

  share(): SharedMemfd {
    if (this.#closed) throw new PciError("ERR_CLOSED", "the DMA memory is closed");
    this.#tether ??= new Tether(this.#native);
    return shareMemfd(this.file.fd, this.size, this.#tether);
  }

  close(): void {
    if (this.#closed) return;
    if (this.#users > 0) {
      throw new PciError(
        "ERR_BUSY",
        `${this.size} bytes of DMA memory are still mapped ${this.#users === 1 ? "once" : `${this.#users} times`}`,
        {
          hint: "unmap them first: a device may still write there",
        },
      );
    }
    this.#mapping.retire();
    this.#closed = true;
    this.#tether?.close();
    this.#native.close(this.file.fd);
  }

  [Symbol.dispose](): void {
    this.close();
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
 * children, and unable to shrink under a mapping. Bytes are zero at first.
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

  alloc(size: number, options: MemoryOptions = {}): DmaMemory {
    const native = this.#native ?? loadNative();
    checkInteger("size", size, 1, 2 ** 46);
    checkType("options", options, "object");
    const pageSize = checkInteger("pageSize", options.pageSize ?? native.pageSize(), 1, 2 ** 46);
    const rounded = Math.ceil(size / pageSize) * pageSize;
    const label = checkLabel(options.label ?? "userpci-dma");
    const { F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL, PROT_READ, PROT_WRITE } = native.constants;
    const seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    const fd = native.memfd(label, rounded, this.#flags(native, pageSize), seals);
    if (fd < 0) throw this.#failure(fd, "memfd_create", rounded, pageSize);
    try {
      const mapping = mapShared(native, { fd, offset: 0, size: rounded, rights: PROT_READ | PROT_WRITE });
      return new MemfdMemory(native, fd, mapping, pageSize);
    } catch (error) {
      native.close(fd);
      throw isPciError(error) && error.errno ? this.#failure(error.errno, "mmap", rounded, pageSize) : error;
    }
  }

  #flags({ constants }: Native, pageSize: number): number {
    if (pageSize === this.pageSize) return 0;
    const huge = HUGE_PAGES.get(pageSize);
    if (huge !== undefined) return constants.MFD_HUGETLB | constants[huge];
    throw new PciError("ERR_NOT_SUPPORTED", `no memory has pages of ${pageSize} bytes`, {
      hint: `use ${this.pageSize}, 2 ** 21 (2 MiB) or 2 ** 30 (1 GiB)`,
    });
  }

  #failure(result: number, syscall: string, size: number, pageSize: number): PciError {
    const kib = pageSize / 1024;
    const hint =
      pageSize === this.pageSize
        ? "allocate less, or close buffers that are no longer used"
        : `as root: cd /sys/kernel/mm/hugepages/hugepages-${kib}kB; echo $(($(cat nr_hugepages) + ${Math.ceil(size / pageSize)})) > nr_hugepages`;
    return systemError(result, syscall, {
      message: `allocating ${size} bytes in pages of ${pageSize} bytes`,
      hint,
    });
  }
}
