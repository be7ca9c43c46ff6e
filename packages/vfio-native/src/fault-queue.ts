import { readSync, writeSync } from "node:fs";
import {
  checkInteger,
  checkMethods,
  checkType,
  featureMissing,
  type Iova,
  PciError,
  toIova,
} from "@userpci/interface";
import { adoptFd } from "./adopt-fd.ts";
import { type SystemErrorOptions, systemError } from "./errno.ts";
import { failedWith } from "./ioctl.ts";
import type { Iommufd } from "./iommufd.ts";
import { type InUse, IommufdObject } from "./iommufd-object.ts";
import type { Native } from "./native.ts";
import { readable } from "./readable.ts";
import { aborted } from "./transfer-wait.ts";
import * as uapi from "./uapi/iommufd.ts";

/** A page that a device asked for, with what it wanted to do there. */
export interface PageRequest {
  /** What iommufd calls the device. */
  readonly deviceId: number;
  /** Process address space of the access; undefined for the device's own. */
  readonly pasid: number | undefined;
  /** Number of the group of requests that it belongs to. */
  readonly group: number;
  readonly iova: Iova;
  /** Bytes that the device expects to need; 0 if it does not say. */
  readonly length: number;
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
  readonly privileged: boolean;
  /** Whether it is the last of its group, which is answered as a whole. */
  readonly last: boolean;
  /** Names the group in {@link FaultQueue.respond}. */
  readonly cookie: number;
}

/** How {@link FaultQueue.wait} may be asked. */
export interface FaultWaitOptions {
  /** How long to wait, in milliseconds: 0 to 2^31 - 1. Default: as long as it takes. */
  readonly timeoutMs?: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/** Most requests read at a time. */
const MOST = 64;
/** Requests of the largest group that is taken. */
const LARGEST_GROUP = 65_536;

/** Why the kernel does not destroy a queue that no page table here uses. */
const inUse: InUse = {
  message: "the queue of page requests cannot be destroyed",
  hint: "a child process has its descriptor until its exec: call close() again",
};

/** Page requests of devices, to be answered by this process (`IOMMU_FAULT_QUEUE_ALLOC`). */
export class FaultQueue implements Disposable {
  readonly #fd: number;
  readonly #object: IommufdObject;
  readonly #native: Native;
  /** Page tables that send their requests here. */
  #tables = 0;
  /** Aborted when it is closed. */
  readonly #end = new AbortController();

  private constructor(object: IommufdObject, fd: number) {
    this.#object = object;
    this.#native = object.iommufd.native;
    this.#fd = fd;
  }

  /**
   * Makes one.
   *
   * @internal
   * @param onClose called once when it is closed
   * @throws PciError `ERR_NOT_SUPPORTED` before Linux 6.11
   */
  static create(iommufd: Iommufd, onClose: () => void): FaultQueue {
    const bytes = uapi.faultAlloc.pack({ size: uapi.faultAlloc.size });
    const result = iommufd.attempt("FAULT_QUEUE_ALLOC", bytes);
    if (failedWith(result, "ENOTTY")) throw featureMissing("fault-queue", "the kernel");
    if (result < 0) throw systemError(result, "ioctl IOMMU_FAULT_QUEUE_ALLOC");
    const { out_fault_id, out_fault_fd } = uapi.faultAlloc.read(bytes);
    const object = new IommufdObject(iommufd, out_fault_id, onClose);
    try {
      return new FaultQueue(object, adoptFd(iommufd.native, out_fault_fd));
    } catch (error) {
      object.leave(inUse);
      throw error;
    }
  }

  /** What iommufd calls it. */
  get id(): number {
    return this.#object.id;
  }

  /** Where its number means something. @internal */
  get iommufd(): Iommufd {
    return this.#object.iommufd;
  }

  get closed(): boolean {
    return this.#end.signal.aborted;
  }

  /** Takes the requests that have arrived, without waiting. @throws PciError `ERR_CLOSED`, `ERR_PROTOCOL` for a group without end */
  take(): PageRequest[] {
    this.#assertOpen();
    const record = uapi.pageFault.size;
    // A read would wait.
    if (this.#native.poll(new Int32Array([this.#fd]), 0) === 0) return [];
    let bytes = new Uint8Array(MOST * record);
    let read = this.#read(bytes);
    // The kernel gives a group as a whole, or nothing.
    while (read === 0) {
      if (bytes.length >= LARGEST_GROUP * record) throw groupTooLarge();
      bytes = new Uint8Array(2 * bytes.length);
      read = this.#read(bytes);
    }
    return Array.from({ length: Math.floor(read / record) }, (_, i) => requestOf(bytes, i * record));
  }

  /**
   * Takes the requests that have arrived, and waits for the first while there is none.
   *
   * @returns at least one, or none after the time-out
   * @throws PciError (rejects with) `ERR_ABORTED`, `ERR_BUSY` if another call waits, `ERR_CLOSED` also when it is closed
   * meanwhile, `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`
   */
  async wait(options: FaultWaitOptions = {}): Promise<PageRequest[]> {
    const { signal, timeoutMs } = checkedWait(options);
    // Not AbortSignal.any: the queue's own signal would remember each wait.
    const ends = new AbortController();
    const abort = (): void => ends.abort(closedError());
    const sources = signal === undefined ? [this.#end.signal] : [this.#end.signal, signal];
    for (const source of sources) source.addEventListener("abort", abort);
    const timer = timeoutMs === undefined ? undefined : setTimeout(abort, timeoutMs);
    try {
      if (signal?.aborted) abort();
      return await this.#next(ends.signal);
    } catch (error) {
      if (this.closed || !ends.signal.aborted) throw error;
      if (!signal?.aborted) return [];
      throw aborted("waiting for page requests", signal.reason);
    } finally {
      clearTimeout(timer);
      for (const source of sources) source.removeEventListener("abort", abort);
    }
  }

  #read(bytes: Uint8Array): number {
    return attempt("reading page requests", () => readSync(this.#fd, bytes, 0, bytes.length, null));
  }

  /** @throws what `signal` was aborted with, before anything is taken */
  async #next(signal: AbortSignal): Promise<PageRequest[]> {
    for (;;) {
      signal.throwIfAborted();
      const requests = this.take();
      if (requests.length > 0) return requests;
      await readable(this.#native, this.#fd, signal);
    }
  }

  /**
   * Answers a group of requests.
   *
   * @param cookie of its last request
   * @param served whether the pages are there now, and the device may try again
   * @throws PciError `ERR_CLOSED`, `ERR_INVALID_ARGUMENT` for a group that is answered already
   */
  respond(cookie: number, served: boolean): void {
    this.#assertOpen();
    checkInteger("cookie", cookie, 0, 0xffff_ffff);
    checkType("served", served, "boolean");
    const code = served ? uapi.pageResponse.SUCCESS : uapi.pageResponse.INVALID;
    const bytes = uapi.pageFaultResponse.pack({ cookie, code });
    attempt(`answering the page requests with cookie ${cookie}`, () => writeSync(this.#fd, bytes), {
      code: "ERR_INVALID_ARGUMENT",
      hint: "answer each group once, by the cookie of its last request",
    });
  }

  /** Counts a page table that is made with it. Ended by {@link release}. @internal */
  retain(): void {
    this.#assertOpen();
    this.#tables += 1;
  }

  /** Ends what {@link retain} began. @internal */
  release(): void {
    this.#tables -= 1;
  }

  /**
   * Gives it up; requests that were not answered fail. Harmless twice.
   *
   * @throws PciError `ERR_BUSY` while a page table uses it, and it then goes on as before; also while a child process has its
   * descriptor, and it can then be closed again
   */
  close(): void {
    if (this.#tables > 0) {
      throw new PciError("ERR_BUSY", `${this.#tables} page tables use the queue of page requests`, {
        hint: "close those first",
      });
    }
    this.#stop();
    this.#object.destroy(inUse);
  }

  /** {@link close} with its address space: one that is in use even then is left to the kernel. @internal */
  leave(): void {
    this.#stop();
    this.#object.leave(inUse);
  }

  /** {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** The kernel destroys no queue whose descriptor is open. */
  #stop(): void {
    if (this.closed) return;
    this.#end.abort(closedError());
    this.#native.close(this.#fd);
  }

  #assertOpen(): void {
    if (this.closed) throw closedError();
  }
}

function groupTooLarge(): PciError {
  return new PciError("ERR_PROTOCOL", `the device asks for more than ${LARGEST_GROUP} pages in one group`, {
    hint: "reset the device and close the queue: no device may have so many requests under way",
  });
}

function closedError(): PciError {
  return new PciError("ERR_CLOSED", "the queue of page requests is closed", {
    hint: "make another, and a page table with it: device.iommu.createFaultQueue()",
  });
}

function requestOf(bytes: Uint8Array, at: number): PageRequest {
  const { flags, dev_id, pasid, grpid, perm, addr, length, cookie } = uapi.pageFault.read(bytes, at);
  const { READ, WRITE, EXEC, PRIV } = uapi.pageFaultPermission;
  return {
    deviceId: dev_id,
    pasid: (flags & uapi.pageFaultFlag.PASID_VALID) === 0 ? undefined : pasid,
    group: grpid,
    iova: toIova(addr),
    length,
    read: (perm & READ) !== 0,
    write: (perm & WRITE) !== 0,
    execute: (perm & EXEC) !== 0,
    privileged: (perm & PRIV) !== 0,
    last: (flags & uapi.pageFaultFlag.LAST_PAGE) !== 0,
    cookie,
  };
}

function checkedWait(options: FaultWaitOptions): FaultWaitOptions {
  checkType("options", options, "object");
  const { timeoutMs, signal } = options;
  if (timeoutMs !== undefined) checkInteger("timeoutMs", timeoutMs, 0, 2 ** 31 - 1);
  if (signal !== undefined) checkMethods("signal", signal, ["addEventListener"]);
  return options;
}

/**
 * A read(2) or write(2), which the queue wants without a position: Node's own.
 *
 * @param refused what to say if the kernel finds that this makes no sense (EINVAL)
 */
function attempt(message: string, call: () => number, refused: SystemErrorOptions = {}): number {
  try {
    return call();
  } catch (cause) {
    const { errno, syscall = message } = cause as NodeJS.ErrnoException;
    if (errno === undefined) throw cause;
    throw systemError(errno, syscall, { message, ...(failedWith(errno, "EINVAL") && refused) });
  }
}
