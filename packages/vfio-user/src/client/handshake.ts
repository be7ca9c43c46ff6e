import { resolve } from "node:path";
import { isPciError, PciError } from "@userpci/interface";
import { closeReceived, FrameSocket, type FrameSocketOptions } from "@userpci/vfio-native/socket";
import {
  type Capabilities,
  decodeVersion,
  encodeRequest,
  encodeVersion,
  limits,
  protocolError,
  structures,
  VERSION,
} from "../protocol/index.ts";
import { type Answer, Connection } from "./connection.ts";
import type { DmaService } from "./dma-service.ts";
import type { CheckedOptions } from "./options.ts";

/** A server sends one descriptor with a region, and one for itself. */
const MOST_FDS = 16;

const socketOptions: FrameSocketOptions = { mostBytes: limits.message, mostFds: MOST_FDS };

/** A connection with what its server said of itself. */
export interface Connected {
  readonly connection: Connection;
  readonly server: Capabilities;
}

/** The absolute paths that this thread serves itself: {@link connect} would wait for its own event loop. */
const SERVED = Symbol.for("@userpci/vfio-user/served");

/**
 * Connects and agrees on a version, without holding up this thread.
 *
 * @throws PciError `ERR_NO_DEVICE`, `ERR_PERMISSION`, `ERR_SAME_THREAD`, `ERR_TIMEOUT`, `ERR_PROTOCOL`, DeviceGoneError; nothing
 * is then open
 */
export async function connect(
  path: string,
  options: CheckedOptions,
  service: DmaService,
): Promise<Connected> {
  assertOtherThread(path);
  const connection = new Connection(await reach(path, options.timeoutMs), path, options.timeoutMs, service);
  try {
    const answer = await answerLater(connection, options);
    return { connection, server: negotiate(connection, options, greeted(connection, answer)) };
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** {@link connect} on this thread. */
export function connectSync(path: string, options: CheckedOptions, service: DmaService): Connected {
  assertOtherThread(path);
  const socket = FrameSocket.connect(path, options.timeoutMs, socketOptions);
  const connection = new Connection(socket, path, options.timeoutMs, service);
  try {
    const answer = () => connection.call("version", { ...VERSION }, ours(options));
    return { connection, server: negotiate(connection, options, greeted(connection, answer)) };
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Connects without holding up this thread where as many as the server lets wait do so. */
async function reach(path: string, timeoutMs: number): Promise<FrameSocket> {
  const begun = performance.now();
  for (;;) {
    try {
      const socket = FrameSocket.connect(path, 1, socketOptions);
      socket.sleepFor(timeoutMs);
      return socket;
    } catch (error) {
      if (!isPciError(error, "ERR_TIMEOUT")) throw error;
      if (performance.now() - begun < timeoutMs) await new Promise((resolve) => setTimeout(resolve, 10));
      else throw tooMany(path, timeoutMs, error);
    }
  }
}

const tooMany = (path: string, timeoutMs: number, { hint }: PciError): PciError =>
  new PciError("ERR_TIMEOUT", `the server at ${path} did not accept within ${timeoutMs} ms`, {
    ...(hint !== undefined && { hint }),
    path,
  });

/**
 * Says hello, and waits on the event loop: until it has no other client, a server need not answer.
 *
 * @returns what takes the answer
 */
async function answerLater(
  connection: Connection,
  options: CheckedOptions,
): Promise<() => Answer<"version">> {
  const request = encodeRequest("version", connection.nextId(), { ...VERSION }, ours(options));
  const begun = performance.now();
  connection.post(request);
  await new Promise<void>((resolve) => {
    const come = (): void => {
      clearTimeout(timer);
      stop();
      resolve();
    };
    const timer = setTimeout(come, connection.timeoutMs);
    const stop = connection.socket.onReadable(come, true);
  });
  return () => connection.answerTo("version", request, begun);
}

function assertOtherThread(path: string): void {
  const served = (globalThis as { [SERVED]?: ReadonlySet<string> })[SERVED];
  if (!served?.has(path.startsWith("@") ? path : resolve(path))) return;
  throw new PciError("ERR_SAME_THREAD", `${path} is served by this thread, which would wait for itself`, {
    hint: "serve it in a worker or another process (userpci serve), or use emulated(model) in this one",
    path,
  });
}

/** What this client says of itself. */
function ours({ twinSocket }: CheckedOptions): Uint8Array {
  const said = encodeVersion({
    maxMsgFds: MOST_FDS,
    maxDataXferSize: limits.dataTransfer,
    maxDmaMaps: limits.dmaMaps,
    pgsizes: limits.page,
    writeMultiple: true,
    twinSocket,
    migration: { pgsize: limits.page, maxBitmapSize: 2 ** 28 },
  });
  return said.subarray(structures.version.size);
}

function negotiate(
  connection: Connection,
  { twinSocket }: CheckedOptions,
  answer: Answer<"version">,
): Capabilities {
  let twin: FrameSocket | undefined;
  try {
    const { major, minor } = answer.values;
    if (major !== VERSION.major || minor > VERSION.minor) {
      throw protocolError(
        `the server answered ${VERSION.major}.${VERSION.minor} with version ${major}.${minor}`,
      );
    }
    const { size } = structures.version;
    const payload = new Uint8Array(size + answer.tail.length);
    payload.set(answer.tail, size);
    const server = decodeVersion(payload).capabilities;
    if (twinSocket) twin = twinOf(server, answer.fds);
    connection.watch(twin);
    return server;
  } finally {
    for (const fd of answer.fds) if (fd !== twin?.fd) closeReceived(fd);
  }
}

/** @throws PciError `ERR_DEVICE_BUSY` if the server has as many clients as it takes, and refuses further ones */
function greeted(connection: Connection, answer: () => Answer<"version">): Answer<"version"> {
  try {
    return answer();
  } catch (error) {
    if (!isPciError(error, "ERR_BUSY")) throw error;
    throw new PciError("ERR_DEVICE_BUSY", `${connection.path} has as many clients as it takes`, {
      hint: "close the device in another client, or have the server take more: userpci serve --clients many, and limits.sessions of serve()",
      cause: error,
      path: connection.path,
    });
  }
}

/** The server's own socket, if it has sent one. */
function twinOf(server: Capabilities, fds: readonly number[]): FrameSocket | undefined {
  if (!server.twinSocket) return undefined;
  const fd = fds[server.twinFdIndex ?? 0];
  if (fd === undefined) throw protocolError("the server has a twin socket, and did not send it");
  return new FrameSocket(fd, socketOptions);
}
