import { checkInteger, checkMethods, checkType, formatValue, isPciError, PciError } from "@userpci/interface";
import type { Peer } from "./native-sockets.ts";

/** How `sendDomain` and `receiveDomain` may be asked. */
export interface TransferOptions {
  /**
   * User ids that the other process may have. Default: this process's own. Root may always be at the other end, which can do
   * the same without being asked.
   */
  readonly uids?: readonly number[];
  /** How long to wait for the other process, in milliseconds: 1 to 2^31 - 1. Default 30 s. */
  readonly timeoutMs?: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/** How long, for whom, and what to say when nobody came. */
export class TransferWait {
  readonly uids: readonly number[];
  readonly #path: string;
  readonly #what: string;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  #admitted: Peer | undefined;
  #refused: Peer | undefined;

  constructor(path: string, options: TransferOptions, what: string) {
    checkType("path", path, "string");
    checkType("options", options, "object");
    const { uids = [process.getuid!()], timeoutMs = 30_000, signal } = options;
    if (!Array.isArray(uids)) {
      throw new PciError(
        "ERR_INVALID_ARGUMENT",
        `uids must be a list of user ids, not ${formatValue(uids)}`,
        {
          hint: "uids: [1000]",
        },
      );
    }
    for (const uid of uids) checkInteger("uid", uid, 0, 2 ** 32 - 1);
    if (signal !== undefined) checkMethods("signal", signal, ["addEventListener"]);
    this.uids = uids;
    this.#path = path;
    this.#what = what;
    this.#timeoutMs = checkInteger("timeoutMs", timeoutMs, 1, 2 ** 31 - 1);
    this.#signal = signal;
  }

  /** Whether a process may be at the other end. */
  admits(peer: Peer): boolean {
    const may = peer.uid === 0 || this.uids.includes(peer.uid);
    if (may) this.#admitted = peer;
    else this.#refused = peer;
    return may;
  }

  /** The error for one that may not. */
  foreign({ pid, uid }: Peer): PciError {
    return new PciError(
      "ERR_PERMISSION",
      `process ${pid} at ${this.#path} belongs to uid ${uid}, not to ${this.uids.join(" or ")}`,
      { hint: `if that is whom you expect: receiveDomain(path, { uids: [${uid}] })` },
    );
  }

  /** Runs `work` with a signal that fires when the time is over, or the caller's does. */
  async during<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), this.#timeoutMs);
    const abort = (): void => controller.abort();
    this.#signal?.addEventListener("abort", abort);
    try {
      if (this.#signal?.aborted) abort();
      return await work(controller.signal);
    } catch (error) {
      if (!controller.signal.aborted) throw error;
      const nobody = `${this.#what} at ${this.#path}`;
      throw this.#signal?.aborted
        ? aborted(`${nobody}${this.#came()}`, this.#signal.reason)
        : this.#late(nobody, error);
    } finally {
      clearTimeout(timer);
      this.#signal?.removeEventListener("abort", abort);
    }
  }

  #late(nobody: string, error: unknown): PciError {
    // What only says that the time is over is an AbortError.
    const cause = isPciError(error) ? error : undefined;
    const { hint, details } = this.#presence();
    return new PciError("ERR_TIMEOUT", `${nobody} within ${this.#timeoutMs} ms${this.#came()}`, {
      hint: cause?.hint ?? hint,
      ...(cause !== undefined && { cause }),
      ...(details !== undefined && { details }),
    });
  }

  /** What to do about who came, or nobody. */
  #presence(): { readonly hint: string; readonly details?: Record<string, unknown> } {
    const admitted = this.#admitted;
    const refused = this.#refused;
    if (admitted !== undefined) {
      const hint = `see what process ${admitted.pid} does: it is stopped, or its event loop is busy`;
      return { hint, details: { ...admitted } };
    }
    if (refused !== undefined) {
      const hint = `if it may have the domain: sendDomain(path, share, { uids: [${refused.uid}] })`;
      return { hint, details: { refused } };
    }
    return { hint: "call sendDomain and receiveDomain with the same path, and check that both run" };
  }

  /** Who came, for messages. */
  #came(): string {
    const admitted = this.#admitted;
    const refused = this.#refused;
    if (admitted !== undefined)
      return `: process ${admitted.pid} of uid ${admitted.uid} connected, but did not answer`;
    if (refused === undefined) return "";
    return `, and process ${refused.pid} of uid ${refused.uid} was turned away`;
  }
}

/** The error for a wait that its caller ended. */
export function aborted(what: string, cause: unknown): PciError {
  return new PciError("ERR_ABORTED", `${what}: the wait was aborted`, {
    hint: "the signal that the call was given fired: its reason is the cause",
    cause,
  });
}
