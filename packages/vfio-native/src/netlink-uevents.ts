import type { UeventSource } from "@userpci/sysfs";
import { systemError } from "./errno.ts";
import { failedWith } from "./ioctl.ts";
import type { Native } from "./native.ts";
import { readable } from "./readable.ts";

/** Bytes of the longest message: 2 KiB of names and values behind the path (`UEVENT_BUFFER_SIZE` in `linux/kobject.h`). */
const LONGEST = 8192;

/** The kernel's own multicast group. Group 2 is udev's (`lib/kobject_uevent.c`). */
const KERNEL_GROUP = 1;

/** An open {@link UeventSource}. */
export interface OpenUevents extends UeventSource, Disposable {
  /** Ends a wait under way. Harmless twice. */
  close(): void;
}

/** A netlink socket of uevents, waited for on the event loop. */
export class NetlinkUevents implements OpenUevents {
  readonly #native: Native;
  readonly #fd: number;
  readonly #closed = new AbortController();
  readonly #target = new Uint8Array(LONGEST);
  /** Port and groups of who sent a message. */
  readonly #sender = new Uint32Array(2);

  /** @throws PciError with the system's code */
  constructor(native: Native) {
    this.#native = native;
    this.#fd = native.netlink(native.constants.NETLINK_KOBJECT_UEVENT, KERNEL_GROUP);
    if (this.#fd >= 0) return;
    throw systemError(this.#fd, "socket", {
      message: "the kernel's uevents cannot be listened to",
      hint: "a sandbox may forbid netlink sockets (NETLINK_KOBJECT_UEVENT): allow them, or run outside it",
    });
  }

  async next(signal?: AbortSignal): Promise<Uint8Array | "lost" | undefined> {
    const closed = this.#closed.signal;
    const ends = signal === undefined ? closed : AbortSignal.any([signal, closed]);
    while (!ends.aborted) {
      const message = this.#take();
      if (message !== undefined) return message;
      try {
        await readable(this.#native, this.#fd, ends);
      } catch (error) {
        if (!ends.aborted) throw error;
      }
    }
    return undefined;
  }

  close(): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    this.#native.close(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** A message that is there. */
  #take(): Uint8Array | "lost" | undefined {
    for (;;) {
      const length = this.#native.netlinkReceive(this.#fd, this.#target, this.#sender);
      if (failedWith(length, "EAGAIN")) return undefined;
      if (failedWith(length, "ENOBUFS")) return "lost";
      if (length < 0) throw systemError(length, "recvmsg");
      // Any process may send to this socket; only what has port 0 is the kernel's.
      if (this.#sender[0] !== 0) continue;
      return length > LONGEST ? "lost" : this.#target.slice(0, length);
    }
  }
}
