import { randomBytes } from "node:crypto";
import { chmodSync, fchmodSync, linkSync } from "node:fs";
import { constants } from "node:os";
import { basename, dirname, join } from "node:path";
import { systemError } from "./errno.ts";
import { FrameSocket, type FrameSocketOptions } from "./frame-socket.ts";
import { failedWith } from "./ioctl.ts";
import { loadNative } from "./native.ts";
import { isAbstract, nameOf, removeSocket, type SocketAccess, socketError } from "./unix-socket.ts";

/** Names that are tried until one is free. */
const ATTEMPTS = 100;

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
    const { access = "owner", backlog = 8 } = options;
    try {
      if (isAbstract(path)) {
        checked(native.bind(fd, name), "bind", path);
        checked(native.listen(fd, backlog), "listen", path);
      } else listenAtFile(fd, path, access, backlog);
    } catch (error) {
      this.#socket.close();
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

/** Makes the socket's file when somebody listens already: whoever waits for the file may connect as soon as it is there. */
function listenAtFile(fd: number, path: string, access: SocketAccess, backlog: number): void {
  const native = loadNative();
  // The file is born with the socket's own mode; from others it is kept until somebody listens.
  fchmodSync(fd, 0o600);
  const draft = bindDraft(fd, path);
  try {
    if (access === "all") chmodSync(draft, 0o666);
    checked(native.listen(fd, backlog), "listen", path);
    giveName(draft, path);
  } finally {
    removeSocket(draft);
  }
}

/** Binds a socket to another name in the folder of a path, no longer than that: there is a limit. @returns the name */
function bindDraft(fd: number, path: string): string {
  const { length } = basename(path);
  for (let attempt = 1; ; attempt++) {
    const draft = join(dirname(path), randomBytes(8).toString("hex").slice(0, length));
    const result = loadNative().bind(fd, nameOf(draft));
    if (result >= 0) return draft;
    if (!failedWith(result, "EADDRINUSE") || attempt === ATTEMPTS) throw socketError(result, "bind", path);
  }
}

/** @throws PciError `EADDRINUSE` where there is something of that name, as `bind` says it */
function giveName(draft: string, path: string): void {
  try {
    linkSync(draft, path);
  } catch (error) {
    const { code, errno = 0 } = error as NodeJS.ErrnoException;
    throw socketError(code === "EEXIST" ? -constants.errno.EADDRINUSE : errno, "bind", path);
  }
}

function checked(result: number, syscall: string, path: string): void {
  if (result < 0) throw socketError(result, syscall, path);
}
