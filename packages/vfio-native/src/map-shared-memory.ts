import { fstatSync } from "node:fs";
import { PciError, type SharedMemory, type SharedMemoryView } from "@userpci/interface";
import { systemError } from "./errno.ts";
import { type Mapping, mapFile } from "./mapping.ts";
import { loadNative, type Native } from "./native.ts";
import { checkSharedMemfd, type SharedMemfd } from "./shared-memfd.ts";
import { TetherEnd } from "./tether.ts";

/**
 * Maps memory of another thread of this process into this one: what `share()` of the kernel backends' memory gave. Most
 * programs call `adoptPool` or `adoptRing` of `userpci`, which use it.
 *
 * The mapping is this thread's own, and the memory lives as long as any thread has it: the bytes stay readable and
 * writable here when the thread that allocated it has closed it, only devices no longer see them.
 *
 * @param ended called once on the event loop, when that thread has closed the memory, or has ended; closes it here by default
 * @throws PciError `ERR_CLOSED` if it is closed already, `ERR_INVALID_ARGUMENT`, `ERR_NATIVE_UNAVAILABLE`, or a system error;
 * nothing is then left open
 */
export function mapSharedMemory(shared: SharedMemory, ended?: () => void): SharedMemoryView {
  const offer = checkSharedMemfd(shared);
  const memory: MemfdView = new MemfdView(loadNative(), offer, () => (ended ?? (() => memory.close()))());
  return memory;
}

/** A mapping of this thread's own of a memfd that another thread allocated. */
class MemfdView implements SharedMemoryView {
  readonly size: number;
  readonly buffer: ArrayBuffer;
  readonly #mapping: Mapping;
  readonly #tether: TetherEnd;
  #closed = false;

  constructor(native: Native, offer: SharedMemfd, ended: () => void) {
    this.#tether = new TetherEnd(native, offer.tether);
    let mapping: Mapping | undefined;
    try {
      mapping = mapMemfd(native, offer, this.#tether);
      this.#tether.watch(ended);
    } catch (error) {
      mapping?.unmap();
      this.#tether.close();
      throw error;
    }
    this.#mapping = mapping;
    this.size = offer.size;
    this.buffer = mapping.buffer;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get ended(): boolean {
    return this.#closed || this.#tether.ended;
  }

  close(): void {
    if (this.#closed) return;
    this.#mapping.retire();
    this.#closed = true;
    this.#tether.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Maps what was offered, by a descriptor that is not needed afterwards. */
function mapMemfd(native: Native, { fd: offered, inode, size }: SharedMemfd, tether: TetherEnd): Mapping {
  const fd = native.dup(offered);
  try {
    const file = fd < 0 ? undefined : fstatSync(fd, { bigint: true });
    if (!tether.holds || (file !== undefined && file.ino !== inode)) {
      throw new PciError("ERR_CLOSED", "the DMA memory was closed by the thread that allocated it", {
        hint: "adopt it while it is open in the thread that called share()",
      });
    }
    if (file === undefined) throw systemError(fd, "dup");
    // What is mapped behind the end of a file ends in SIGBUS.
    if (file.size !== BigInt(size)) throw wrongSize(file.size, size);
    const { PROT_READ, PROT_WRITE } = native.constants;
    return mapFile(native, { fd, offset: 0, size, rights: PROT_READ | PROT_WRITE });
  } finally {
    if (fd >= 0) native.close(fd);
  }
}

function wrongSize(real: bigint, size: number): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", `the DMA memory has ${real} bytes, not ${size}`, {
    hint: "pass what share() returned, as it came out of the message",
  });
}
