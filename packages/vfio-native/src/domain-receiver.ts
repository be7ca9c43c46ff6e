import { PciError } from "@userpci/interface";
import type { Peer } from "./native-sockets.ts";
import { aborted } from "./transfer-wait.ts";
import type { UnixSocket } from "./unix-socket.ts";

/** The process that has received a domain, as the kernel knows it. */
export interface DomainReceiver extends Peer, Disposable {
  /**
   * Resolves when that process has closed its domain, or has ended in any way: time to close the reservation. One that is
   * closed before keeps its addresses until then.
   *
   * @throws PciError (rejects with) `ERR_ABORTED`, `ERR_BUSY` if another call waits, `ERR_CLOSED` also when it is closed meanwhile
   */
  ended(signal?: AbortSignal): Promise<void>;
  /**
   * Stops looking. The other process keeps the domain, and the reservation its addresses, also when it is closed, until the
   * sharing domain closes. Harmless twice.
   */
  close(): void;
}

/**
 * @param socket its own from now on: open at the other end as long as the domain is
 * @param gone called once when the other end has gone, unless it is closed before
 * @throws PciError with the system's code
 */
export function receiverOf(socket: UnixSocket, peer: Peer, gone: () => void): DomainReceiver {
  let closed = false;
  let hasGone = false;
  const end = (): void => {
    stop();
    if (!hasGone) gone();
    hasGone = true;
  };
  const stop = socket.onEnd(end);
  const close = (): void => {
    closed = true;
    stop();
    socket.close();
  };
  return {
    ...peer,
    close,
    [Symbol.dispose]: close,
    async ended(signal = new AbortController().signal) {
      if (closed) {
        throw new PciError("ERR_CLOSED", `process ${peer.pid} is no longer looked at`, {
          hint: "wait for ended() before close()",
        });
      }
      try {
        // It has nothing more to say: one that speaks is taken for gone as well.
        await socket.receive(1, 0, signal);
        end();
      } catch (error) {
        if (!signal.aborted) throw error;
        throw aborted(`waiting for the end of process ${peer.pid}`, signal.reason);
      }
    },
  };
}
