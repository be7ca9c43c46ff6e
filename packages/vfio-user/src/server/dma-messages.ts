import { isPciError, PciError } from "@userpci/interface";
import { Deadline } from "../deadline.ts";
import { protocolError } from "../protocol/index.ts";
import { clientGone } from "./descriptors.ts";

/** What the client is asked. */
export type DmaAccess = "read" | "write";

/** A request on its way to the client. */
export interface DmaRequest {
  readonly id: number;
  readonly access: DmaAccess;
  readonly iova: bigint;
  readonly size: number;
  /** Of a write: its bytes. */
  readonly bytes?: Uint8Array;
}

/** A client's answer: the bytes of a read, or why there are none. */
export type DmaAnswer = DmaDone | { readonly error: PciError };

/** The answer to a request that was done. */
export interface DmaDone {
  readonly iova: bigint;
  readonly count: bigint;
  /** Of a read; of a write, none. */
  readonly bytes: Uint8Array;
}

/** How a {@link DmaMessages} asks. */
export interface DmaMessageOptions {
  /** Sends a request. */
  readonly send: (request: DmaRequest) => void;
  /** Most bytes in one message: the client's `max_data_xfer_size`. */
  readonly transfer: number;
  /** How long an answer may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Most requests without an answer; further ones wait here. */
  readonly inFlight: number;
}

interface Pending {
  readonly request: DmaRequest;
  /** Absent once the request has timed out: its number stays taken until the answer comes. */
  waiting?: { resolve(bytes: Uint8Array): void; reject(error: PciError): void; deadline: Deadline };
}

const IDS = 0x1_0000;

/**
 * DMA by messages: asks the client for what this process has not mapped, in pieces that the client takes, while everything
 * else goes on.
 */
export class DmaMessages {
  readonly #options: DmaMessageOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #queue: (() => void)[] = [];
  #waiting = 0;
  #lastId = 0;
  #closed = false;

  constructor(options: DmaMessageOptions) {
    this.#options = options;
  }

  /** How many requests have no answer yet, and are still waited for. */
  get waiting(): number {
    return this.#waiting;
  }

  /** @throws PciError (rejects with) `ERR_DMA_FAULT` */
  async read(iova: bigint, size: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at += this.#options.transfer) {
      const length = Math.min(this.#options.transfer, size - at);
      bytes.set(await this.#ask("read", iova + BigInt(at), length), at);
    }
    return bytes;
  }

  /** @throws PciError (rejects with) `ERR_DMA_FAULT` */
  async write(iova: bigint, source: Uint8Array): Promise<void> {
    for (let at = 0; at < source.length; at += this.#options.transfer) {
      const bytes = source.subarray(at, at + this.#options.transfer);
      await this.#ask("write", iova + BigInt(at), bytes.length, bytes);
    }
  }

  /**
   * Takes an answer.
   *
   * @throws PciError `ERR_PROTOCOL` for one to a question that nobody asked, or with other bytes than were asked for
   */
  settle(id: number, access: DmaAccess, answer: DmaAnswer): void {
    const pending = this.#pending.get(id);
    if (pending === undefined || pending.request.access !== access) {
      throw protocolError(`an answer to DMA ${access} ${id}, which nobody asked for`);
    }
    this.#pending.delete(id);
    const { request, waiting } = pending;
    if (waiting === undefined) return;
    this.#ended(waiting);
    if ("error" in answer) waiting.reject(fault(request, answer.error));
    else if (isAnswer(request, answer)) waiting.resolve(answer.bytes);
    else {
      const error = protocolError(
        `an answer of ${answer.count} bytes at 0x${answer.iova.toString(16)} to DMA ${access} ${format(request)}`,
      );
      waiting.reject(fault(request, error));
      throw error;
    }
  }

  /** Ends with a fault what waits. Harmless twice. */
  close(): void {
    this.#closed = true;
    const gone = clientGone();
    for (const { request, waiting } of this.#pending.values()) {
      if (waiting === undefined) continue;
      this.#ended(waiting);
      waiting.reject(fault(request, gone));
    }
    this.#pending.clear();
    for (const start of this.#queue.splice(0)) start();
  }

  async #ask(access: DmaAccess, iova: bigint, size: number, bytes?: Uint8Array): Promise<Uint8Array> {
    while (!this.#closed && this.#waiting >= this.#options.inFlight) {
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    }
    const request = { id: this.#nextId(), access, iova, size, ...(bytes !== undefined && { bytes }) };
    if (this.#closed) throw fault(request, clientGone());
    return await new Promise<Uint8Array>((resolve, reject) => {
      const deadline = new Deadline(this.#options.timeoutMs, () => this.#timeOut(request.id));
      this.#pending.set(request.id, { request, waiting: { resolve, reject, deadline } });
      this.#waiting++;
      try {
        this.#options.send(request);
      } catch (error) {
        this.settle(request.id, access, { error: isPciError(error) ? error : unsent(error) });
      }
    });
  }

  #timeOut(id: number): void {
    const pending = this.#pending.get(id);
    if (pending?.waiting === undefined) return;
    const { request, waiting } = pending;
    delete pending.waiting;
    this.#ended(waiting);
    const ms = this.#options.timeoutMs;
    waiting.reject(fault(request, new PciError("ERR_TIMEOUT", `the client did not answer within ${ms} ms`)));
  }

  #ended({ deadline }: { readonly deadline: Deadline }): void {
    deadline.cancel();
    this.#waiting--;
    this.#queue.shift()?.();
  }

  /** A number that no request has. There is one: those that have timed out are bounded by {@link IDS} too. */
  #nextId(): number {
    for (let tried = 0; tried < IDS; tried++) {
      this.#lastId = (this.#lastId + 1) % IDS;
      if (!this.#pending.has(this.#lastId)) return this.#lastId;
    }
    throw new PciError("ERR_DMA_FAULT", "the client has left 65536 DMA requests without an answer", {
      hint: "end the client",
    });
  }
}

function isAnswer({ access, iova, size }: DmaRequest, answer: DmaDone): boolean {
  const length = access === "read" ? size : 0;
  return answer.iova === iova && answer.count === BigInt(size) && answer.bytes.length === length;
}

function fault(request: DmaRequest, cause: PciError): PciError {
  return new PciError("ERR_DMA_FAULT", `DMA ${request.access} of ${format(request)}: ${cause.message}`, {
    hint: "the client must answer DMA_READ and DMA_WRITE, or map its memory by descriptor",
    cause,
  });
}

function unsent(cause: unknown): PciError {
  return new PciError("ERR_CLOSED", "the request could not be sent", { cause });
}

const format = ({ iova, size }: DmaRequest): string => `${size} bytes at 0x${iova.toString(16)}`;
