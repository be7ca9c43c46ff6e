import { readlinkSync } from "node:fs";
import { type DmaMemory, PciError } from "@userpci/interface";
import { errnoName, systemError } from "./errno.ts";
import { FileMemory } from "./file-memory.ts";
import { failedWith } from "./ioctl.ts";
import { loadNative } from "./native.ts";

/** Closes a descriptor that a message brought. */
export function closeReceived(fd: number): void {
  loadNative().close(fd);
}

/**
 * An empty file without a path (memfd_create(2)), in memory. The descriptor is the caller's.
 *
 * @param name for people
 * @throws PciError with the system's code
 */
export function anonymousFile(name: string): number {
  const fd = loadNative().memfd(name, 0, 0, 0);
  if (fd < 0) throw systemError(fd, "memfd_create");
  return fd;
}

/** What of a received descriptor is to be mapped. */
export interface ReceivedMemory {
  /** Bytes into the file, a page multiple. */
  readonly offset: number;
  /** Bytes, a page multiple. */
  readonly size: number;
  /** Whether it may only be read. */
  readonly readOnly: boolean;
}

/**
 * Maps memory that a message brought a descriptor of. The peer may shorten its file at any time: what is gone then reads as
 * ones, and crashes nobody.
 *
 * @param fd stays the caller's
 * @throws PciError `ERR_MISALIGNED`, `ERR_OUT_OF_RANGE` past the end of the file, `ERR_INVALID_ARGUMENT` for what is no
 * file, or a system error; nothing is then mapped
 */
export function mapReceived(fd: number, { offset, size, readOnly }: ReceivedMemory): DmaMemory {
  return FileMemory.open(loadNative(), { fd }, { offset, size, readOnly });
}

/** Where `/proc/self/fd` says an eventfd leads. */
const EVENTFD_LINK = "anon_inode:[eventfd]";

/** An eventfd that a message brought: signalled, or listened to. */
export class ReceivedEventfd implements Disposable {
  #fd: number;
  #watch = 0;

  /**
   * @param fd its own from now on, also if this throws
   * @throws PciError `ERR_INVALID_ARGUMENT` for a descriptor of anything else: writing to it might block, or do harm
   */
  constructor(fd: number) {
    this.#fd = fd;
    let target: string;
    try {
      target = readlinkSync(`/proc/self/fd/${fd}`);
    } catch (cause) {
      this.close();
      throw new PciError("ERR_INVALID_ARGUMENT", `descriptor ${fd} is not open`, { cause });
    }
    if (target === EVENTFD_LINK) return;
    this.close();
    throw new PciError("ERR_INVALID_ARGUMENT", `an interrupt needs an eventfd, not ${target}`, {
      hint: "send descriptors that eventfd(2) made",
    });
  }

  get closed(): boolean {
    return this.#fd < 0;
  }

  /** Adds events. Nothing happens if it is full or closed: whoever reads it finds many already. */
  signal(count = 1): void {
    if (this.#fd < 0) return;
    const result = loadNative().counterOffer(this.#fd, count);
    if (result < 0 && !failedWith(result, "EAGAIN")) {
      throw systemError(result, "write", { message: `signalling an interrupt: ${errnoName(result)}` });
    }
  }

  /**
   * Calls `listener` on the event loop when it was signalled, until it is closed; does not keep the process alive. Once.
   *
   * @throws PciError with the system's code
   */
  onSignal(listener: () => void): void {
    const native = loadNative();
    this.#watch = native.watch(this.#fd, 0, (count) => {
      if (count > 0) listener();
      else this.close();
    });
    if (this.#watch < 0) throw systemError(this.#watch, "uv_poll_start");
    native.watchRef(this.#watch, false);
  }

  /** Ends listening, and closes the descriptor. Harmless twice. */
  close(): void {
    if (this.#fd < 0) return;
    if (this.#watch > 0) loadNative().unwatch(this.#watch);
    loadNative().close(this.#fd);
    this.#fd = -1;
  }

  /** {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
