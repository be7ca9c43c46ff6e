import { chmodSync, fchmodSync, rmSync } from "node:fs";
import { PciError } from "@userpci/interface";
import { errnoName, systemError } from "./errno.ts";
import { failedWith } from "./ioctl.ts";
import type { Native } from "./native.ts";
import type { Peer, Received } from "./native-sockets.ts";
import { readable } from "./readable.ts";

/** Longest name of a UNIX socket, in bytes (unix(7)), with the NUL that a path ends with and an abstract name begins with. */
const LONGEST_NAME = 108;

/** Who may connect to the file of a socket, as far as its mode says: its owner, or everybody. */
export type SocketAccess = "owner" | "all";

/** What came in one packet. */
export type Packet = Omit<Received, "bytes"> & { readonly data: Uint8Array };

/** A UNIX socket of packets, waited for on the event loop. */
export class UnixSocket {
  readonly fd: number;
  readonly #native: Native;
  /** Aborted when it is closed. */
  readonly #wait = new AbortController();
  #closed = false;

  private constructor(native: Native, fd: number) {
    this.#native = native;
    this.fd = fd;
  }

  /**
   * Listens.
   *
   * @param path a file that does not exist yet, or an abstract name: `@` and up to 107 bytes
   * @throws PciError `ERR_INVALID_ARGUMENT`, or with the system's code
   */
  static listen(native: Native, path: string, access: SocketAccess): UnixSocket {
    const name = nameOf(path);
    const socket = UnixSocket.#open(native);
    let isOurs = false;
    try {
      // The file is born with the socket's own mode; from others it is kept until somebody listens.
      fchmodSync(socket.fd, 0o600);
      socket.#checked(native.bind(socket.fd, name), "bind", path);
      isOurs = true;
      if (access === "all" && !isAbstract(path)) chmodSync(path, 0o666);
      socket.#checked(native.listen(socket.fd, 8), "listen", path);
      return socket;
    } catch (error) {
      socket.close();
      if (isOurs) removeSocket(path);
      throw error;
    }
  }

  /**
   * Connects.
   *
   * @returns undefined if nobody listens there, or too many wait already
   * @throws PciError `ERR_INVALID_ARGUMENT`, or with the system's code
   */
  static connect(native: Native, path: string): UnixSocket | undefined {
    const name = nameOf(path);
    const socket = UnixSocket.#open(native);
    const result = native.connect(socket.fd, name);
    if (result >= 0) return socket;
    socket.close();
    if (["ENOENT", "ECONNREFUSED", "EAGAIN"].some((passing) => failedWith(result, passing))) return undefined;
    throw socketError(result, "connect", path);
  }

  static #open(native: Native): UnixSocket {
    const fd = native.socket(native.constants.SOCK_SEQPACKET | native.constants.SOCK_NONBLOCK);
    if (fd < 0) throw systemError(fd, "socket");
    return new UnixSocket(native, fd);
  }

  /** Waits for one that connects. @throws what `signal` was aborted with */
  async accept(signal: AbortSignal): Promise<UnixSocket> {
    for (;;) {
      await this.#readable(signal);
      const fd = this.#native.accept(this.fd);
      if (fd >= 0) return new UnixSocket(this.#native, fd);
      if (!failedWith(fd, "EAGAIN") && !failedWith(fd, "ECONNABORTED")) throw systemError(fd, "accept");
    }
  }

  /** The process at the other end, as the kernel knows it. */
  peer(): Peer {
    const peer = this.#native.peer(this.fd);
    if (typeof peer === "number") throw systemError(peer, "getsockopt SO_PEERCRED");
    return peer;
  }

  /** Sends one packet, for which there is room: it is the first in this direction. */
  send(bytes: Uint8Array, fds: readonly number[] = []): void {
    const result = this.#native.sendmsg(this.fd, bytes, fds);
    if (result < 0) throw systemError(result, "sendmsg");
  }

  /**
   * Waits for one packet.
   *
   * @param room most bytes that it may have
   * @param maxFds most descriptors that it may bring; they are the caller's
   * @returns undefined when the other end is closed
   * @throws what `signal` was aborted with
   */
  async receive(room: number, maxFds: number, signal: AbortSignal): Promise<Packet | undefined> {
    const target = new Uint8Array(room);
    for (;;) {
      try {
        await this.#readable(signal);
      } catch (error) {
        // What came in time counts, also where timers and signals had their turn before it.
        if (!signal.aborted || this.#closed) throw error;
      }
      const received = this.#take(target, maxFds);
      if (received !== "nothing yet") return received;
      signal.throwIfAborted();
    }
  }

  /**
   * Lets the other end send nothing more, which fails there with EPIPE: what this gives is its last word.
   *
   * @param room most bytes that it may have
   * @returns a packet that has come, or undefined
   */
  lastWord(room: number): Packet | undefined {
    this.#native.shutdown(this.fd, this.#native.constants.SHUT_RD);
    const received = this.#take(new Uint8Array(room), 0);
    return received === "nothing yet" ? undefined : received;
  }

  /** One packet that is there; undefined when the other end is closed. */
  #take(target: Uint8Array, maxFds: number): Packet | "nothing yet" | undefined {
    const received = this.#native.recvmsg(this.fd, target, maxFds);
    if (typeof received === "object") {
      if (received.bytes === 0 && received.fds.length === 0) return undefined;
      const { bytes, fds, truncated } = received;
      return { fds, truncated, data: target.subarray(0, bytes) };
    }
    if (failedWith(received, "ECONNRESET")) return undefined;
    if (!failedWith(received, "EAGAIN")) throw systemError(received, "recvmsg");
    return "nothing yet";
  }

  /**
   * Calls `ended` once on the event loop, when the other end is closed, or has said something; does not keep the thread alive.
   *
   * @returns ends that; harmless twice
   * @throws PciError with the system's code
   */
  onEnd(ended: () => void): () => void {
    // One descriptor is watched once, and a wait may be under way on the socket's own.
    const fd = this.#native.dup(this.fd);
    if (fd < 0) throw systemError(fd, "fcntl");
    let watch = this.#native.watch(fd, 1, () => {
      stop();
      ended();
    });
    const stop = (): void => {
      if (watch === 0) return;
      if (watch > 0) this.#native.unwatch(watch);
      watch = 0;
      this.#native.close(fd);
    };
    if (watch < 0) {
      const error = systemError(watch, "uv_poll_start");
      stop();
      throw error;
    }
    this.#native.watchRef(watch, false);
    return stop;
  }

  /** Ends a wait under way with `ERR_CLOSED`. Harmless twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#wait.abort(
      new PciError("ERR_CLOSED", "the socket was closed while it was waited for", {
        hint: "wait for ended() before close()",
      }),
    );
    this.#native.close(this.fd);
  }

  /** Resolves when there is something to read, or the other end has closed. */
  #readable(signal: AbortSignal): Promise<void> {
    return readable(this.#native, this.fd, AbortSignal.any([signal, this.#wait.signal]));
  }

  #checked(result: number, syscall: string, path: string): void {
    if (result < 0) throw socketError(result, syscall, path);
  }
}

/** The error of a socket's call, with what mends it. */
export function socketError(result: number, syscall: string, path: string): PciError {
  const hint = hints[`${syscall} ${errnoName(result)}`]?.(path);
  return systemError(result, syscall, {
    path,
    message: `${syscall} to the socket ${path}`,
    ...(hint !== undefined && { hint }),
  });
}

/** What mends a call that failed so. */
const hints: Partial<Record<string, (path: string) => string>> = {
  "bind EADDRINUSE": (path) => `take another path; if nobody listens there any more, remove it: rm ${path}`,
  "bind ENOENT": () => "make the folder first, or take one that is there",
  "bind EACCES": () => "take a folder that both processes may enter, and that this user may write",
  "connect EACCES": () =>
    `name this user there: sendDomain(path, share, { uids: [${process.getuid!()}] }), or take a folder that both may enter`,
};

/** Removes the file of a socket, which stays when it is closed. */
export function removeSocket(path: string): void {
  if (!isAbstract(path)) rmSync(path, { force: true });
}

/** Abstract names (unix(7)) are written with an `@`, as `ss -x` prints them. */
export const isAbstract = (path: string): boolean => path.startsWith("@");

/** The name of a socket for the kernel. @throws PciError `ERR_INVALID_ARGUMENT` */
export function nameOf(path: string): Uint8Array {
  const name = Buffer.from(isAbstract(path) ? `\0${path.slice(1)}` : `${path}\0`);
  if (name.length > 1 && name.length <= LONGEST_NAME && !path.includes("\0")) return name;
  throw new PciError("ERR_INVALID_ARGUMENT", `no socket can have the path ${JSON.stringify(path)}`, {
    hint: `use a path of at most ${LONGEST_NAME - 1} bytes, such as one below process.env.XDG_RUNTIME_DIR`,
  });
}
