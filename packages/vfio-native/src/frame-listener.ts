import { chmodSync, fchmodSync } from "node:fs";
import { systemError } from "./errno.ts";
import { FrameSocket, type FrameSocketOptions } from "./frame-socket.ts";
import { failedWith } from "./ioctl.ts";
import { loadNative } from "./native.ts";
import { isAbstract, nameOf, removeSocket, type SocketAccess, socketError } from "./unix-socket.ts";

/** How a {@link FrameListener} is made. */
export interface ListenOptions extends FrameSocketOptions {
  /** Who may connect. Default `owner`. */
  readonly access?: SocketAccess;
  /** How many clients may wait to be accepted. Default 8. */
  readonly backlog?: number;
}

/** A socket that clients connect to. */
export class FrameListener implements Disposable {
  readonly path: string;
  readonly #socket: FrameSocket;
  readonly #options: FrameSocketOptions;

  /**
   * @param path a file that does not exist yet, or an abstract name
   * @throws PciError `ERR_INVALID_ARGUMENT`, or with the system's code
   */
  constructor(path: string, options: ListenOptions) {
    const native = loadNative();
    const name = nameOf(path);
    this.path = path;
    this.#options = options;
    const fd = native.socket(native.constants.SOCK_STREAM | native.constants.SOCK_NONBLOCK);
    if (fd < 0) throw systemError(fd, "socket");
    this.#socket = new FrameSocket(fd, options);
    let isOurs = false;
    try {
      // The file is born with the socket's own mode; from others it is kept until somebody listens.
      fchmodSync(fd, 0o600);
      checked(native.bind(fd, name), "bind", path);
      isOurs = true;
      if (options.access === "all" && !isAbstract(path)) chmodSync(path, 0o666);
      checked(native.listen(fd, options.backlog ?? 8), "listen", path);
    } catch (error) {
      this.#socket.close();
      if (isOurs) removeSocket(path);
      throw error;
    }
  }

  get closed(): boolean {
    return this.#socket.closed;
  }

  /** One that has connected, which does not block; undefined if nobody waits. @throws PciError with the system's code (`EMFILE`) */
  accept(): FrameSocket | undefined {
    const native = loadNative();
    const fd = native.accept(this.#socket.fd);
    if (fd >= 0) return new FrameSocket(fd, this.#options);
    if (failedWith(fd, "EAGAIN") || failedWith(fd, "ECONNABORTED")) return undefined;
    throw systemError(fd, "accept");
  }

  /** Calls `listener` on the event loop whenever somebody waits. Returns what ends that. */
  onWaiting(listener: () => void, keepsAlive = true): () => void {
    return this.#socket.onReadable(listener, keepsAlive);
  }

  /** Closes, and removes the file. Harmless twice. */
  close(): void {
    if (this.closed) return;
    this.#socket.close();
    removeSocket(this.path);
  }

  /** {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

function checked(result: number, syscall: string, path: string): void {
  if (result < 0) throw socketError(result, syscall, path);
}
