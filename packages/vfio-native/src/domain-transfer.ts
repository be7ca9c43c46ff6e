import { setTimeout as delay } from "node:timers/promises";
import {
  type DomainShare,
  type IommuDomain,
  isPciError,
  type MapperDescriptor,
  PciError,
} from "@userpci/interface";
import { holdWindow } from "@userpci/iommu";
import { adoptUntil, duplicateOf } from "./adopt-domain.ts";
import { type DomainReceiver, receiverOf } from "./domain-receiver.ts";
import { checkShare, MOST_MAPPERS } from "./domain-share.ts";
import { loadNative } from "./native.ts";
import type { Peer } from "./native-sockets.ts";
import { decodeShare, encodeShare, LONGEST_MESSAGE } from "./share-message.ts";
import { type TransferOptions, TransferWait } from "./transfer-wait.ts";
import { type Packet, removeSocket, UnixSocket } from "./unix-socket.ts";

/** Sent back by who has adopted the domain. */
const ADOPTED = Uint8Array.of(1);
/** Pause between attempts to connect, in milliseconds. */
const RETRY_MS = 20;

/**
 * Gives a domain to one other process, which calls {@link receiveDomain} with the same path before or after this: the
 * descriptors go over a UNIX socket (`SCM_RIGHTS`, unix(7)). Whoever receives them is trusted with the whole address space.
 *
 * @param path of a socket that does not exist yet, or an abstract name (`@name`). The file is removed afterwards
 * @param share what `IommuDomain.share` gave; its descriptors are duplicated at the call
 * @returns the receiver, once it has adopted the domain
 * @throws PciError (rejects with) `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_PROTOCOL` if the other process did not take it,
 * `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`, `ERR_CLOSED` if the reservation is closed by then, `EADDRINUSE`
 */
export async function sendDomain(
  path: string,
  share: DomainShare,
  options: TransferOptions = {},
): Promise<DomainReceiver> {
  checkShare(share);
  const wait = new TransferWait(path, options, "no process took the domain");
  const message = encodeShare(share);
  return withDuplicates(share.mappers, async (fds) => {
    const access = wait.uids.every((uid) => uid === process.getuid!()) ? "owner" : "all";
    const listener = UnixSocket.listen(loadNative(), path, access);
    try {
      return await wait.during(async (signal) => {
        const socket = await acceptFrom(listener, wait, signal);
        return closingOnError(socket, () => give(socket, message, share, fds, signal));
      });
    } finally {
      listener.close();
      removeSocket(path);
    }
  });
}

/**
 * Takes a domain that another process gives with {@link sendDomain}, and makes one of its own of it: see `adoptDomain`.
 *
 * @param path as the other process has it; waited for until it is there
 * @returns the domain, whose close tells the other process
 * @throws PciError (rejects with) `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_PERMISSION` if the other process belongs to another
 * user, `ERR_PROTOCOL` for what is no domain, and what `adoptDomain` throws; no descriptor is then left
 */
export async function receiveDomain(path: string, options: TransferOptions = {}): Promise<IommuDomain> {
  const wait = new TransferWait(path, options, "no process gave a domain");
  return wait.during(async (signal) => {
    const socket = await connectTo(path, signal);
    return closingOnError(socket, async () => {
      const peer = socket.peer();
      if (!wait.admits(peer)) throw wait.foreign(peer);
      return take(socket, signal);
    });
  });
}

/** Lends duplicates of the descriptors: whoever they belong to may close them meanwhile, and the numbers become other files'. */
async function withDuplicates<T>(
  mappers: readonly MapperDescriptor[],
  work: (fds: readonly number[]) => Promise<T>,
): Promise<T> {
  const native = loadNative();
  const fds: number[] = [];
  try {
    for (const mapper of mappers) fds.push(duplicateOf(native, mapper));
    return await work(fds);
  } finally {
    for (const fd of fds) native.close(fd);
  }
}

/** Waits for a process that may have the domain. Others are turned away. */
async function acceptFrom(
  listener: UnixSocket,
  wait: TransferWait,
  signal: AbortSignal,
): Promise<UnixSocket> {
  for (;;) {
    const socket = await listener.accept(signal);
    if (isAdmitted(socket, wait)) return socket;
    socket.close();
  }
}

/** One of which the kernel does not tell whose it is, is not let in. */
function isAdmitted(socket: UnixSocket, wait: TransferWait): boolean {
  try {
    return wait.admits(socket.peer());
  } catch {
    return false;
  }
}

/** Connects as soon as somebody listens, and lets this user in. */
async function connectTo(path: string, signal: AbortSignal): Promise<UnixSocket> {
  for (;;) {
    let refusal: PciError | undefined;
    try {
      const socket = UnixSocket.connect(loadNative(), path);
      if (socket !== undefined) return socket;
    } catch (error) {
      // A socket for several users is its owner's for a moment, until it is there.
      if (!isPciError(error, "EACCES")) throw error;
      refusal = error;
    }
    await delay(RETRY_MS, undefined, { signal }).catch((ended: unknown) => {
      throw refusal ?? ended;
    });
  }
}

/** Gives the domain away, and keeps its addresses for the receiver as long as that has it. */
async function give(
  socket: UnixSocket,
  message: Uint8Array,
  share: DomainShare,
  fds: readonly number[],
  signal: AbortSignal,
): Promise<DomainReceiver> {
  const letGo = holdWindow(share);
  let peer: Peer;
  try {
    peer = await hand(socket, message, fds, signal);
  } catch (error) {
    // Who cannot say that it has adopted the domain closes it.
    letGo();
    throw error;
  }
  return receiverOf(socket, peer, letGo);
}

/** Sends the domain and waits for the word that it was adopted. */
async function hand(
  socket: UnixSocket,
  message: Uint8Array,
  fds: readonly number[],
  signal: AbortSignal,
): Promise<Peer> {
  const peer = socket.peer();
  socket.send(message, fds);
  let answer: Packet | undefined;
  try {
    answer = await socket.receive(ADOPTED.length, 0, signal);
  } catch (error) {
    // From here on it cannot say that it has the domain, and closes it; unless it has said so.
    answer = socket.lastWord(ADOPTED.length);
    if (answer === undefined) throw error;
  }
  if (answer?.data[0] === ADOPTED[0]) return peer;
  throw new PciError("ERR_PROTOCOL", `process ${peer.pid} of uid ${peer.uid} did not take the domain`, {
    hint: "its receiveDomain() rejected with the reason",
    details: { ...peer },
  });
}

/** Receives the domain, adopts it, and says so. */
async function take(socket: UnixSocket, signal: AbortSignal): Promise<IommuDomain> {
  const native = loadNative();
  const received = await socket.receive(LONGEST_MESSAGE, MOST_MAPPERS, signal);
  if (received === undefined) {
    throw new PciError("ERR_PROTOCOL", "the other process closed the connection without giving a domain", {
      hint: "name this user there: sendDomain(path, share, { uids: [process.getuid()] })",
    });
  }
  try {
    const share = decodeShare(received);
    // The connection lasts as long as the domain, so that its end is seen at the other side.
    const domain = adoptUntil(share, () => socket.close());
    return closingOnError(domain, async () => {
      socket.send(ADOPTED);
      return domain;
    });
  } finally {
    for (const fd of received.fds) native.close(fd);
  }
}

async function closingOnError<T>(opened: { close(): unknown }, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await opened.close();
    throw error;
  }
}
