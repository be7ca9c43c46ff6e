import { PciError } from "@userpci/interface";
import type { Peer } from "./native.ts";
import { aborted } from "./transfer-wait.ts";
import type { UnixSocket } from "./unix-socket.ts";

/** The process that has received a domain, as the kernel knows it. */
export interface DomainReceiver extends Peer, Disposable {
  /**
   * Resolves when that process has closed its domain, or has ended in any way: time to close the reservation.
   *
   * @throws PciError (rejects with) `ERR_ABORTED`, `ERR_BUSY` if another call waits, `ERR_CLOSED` also when it is closed meanwhile
   */
  ended(signal?: AbortSignal): Promise<void>;
  /** Stops looking. The other process keeps the domain. Harmless twice. */
  close(): void;
}

/** @param socket its own from now on: open at the other end as long as the domain is */
export function receiverOf(socket: UnixSocket, peer: Peer): DomainReceiver {
  let closed = false;
  const close = (): void => {
    closed = true;
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
      } catch (error) {
        if (!signal.aborted) throw error;
        throw aborted(`waiting for the end of process ${peer.pid}`, signal.reason);
      }
    },
  };
}
