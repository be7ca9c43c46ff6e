import type { DmaMemory, IrqKind, MemorySource } from "@userpci/interface";
import { MemoryMapper } from "@userpci/iommu";
import { hostFunction } from "../host/host.ts";
import type { HostedFunction, HostOptions } from "../host/hosted-function.ts";
import type { DeviceModel } from "../model.ts";

const PAGE = 4096;

/** Memory of arrays, with what of it is still open. */
export class ArraySource implements MemorySource {
  readonly name = "arrays";
  readonly pageSize = PAGE;
  readonly open = new Set<DmaMemory>();

  alloc(asked: number): DmaMemory {
    const size = Math.ceil(asked / PAGE) * PAGE;
    const { open } = this;
    const memory: DmaMemory = {
      size,
      pageSize: PAGE,
      buffer: new ArrayBuffer(size),
      get closed() {
        return !open.has(memory);
      },
      close: () => void open.delete(memory),
      [Symbol.dispose]: () => void open.delete(memory),
    };
    open.add(memory);
    return memory;
  }
}

/** A hosted model that is open, with what belongs to it. */
export interface Hosted extends Disposable {
  readonly fn: HostedFunction;
  readonly mapper: MemoryMapper;
  readonly source: ArraySource;
  /** What the model was at fault with. */
  readonly faults: unknown[];
}

/** Hosts a model, and opens it. */
export function hosted(model: DeviceModel, options: Partial<HostOptions> = {}): Hosted {
  const faults: unknown[] = [];
  const mapper = new MemoryMapper();
  const source = new ArraySource();
  const fn = hostFunction(model, {
    memory: source,
    dma: mapper,
    onFault: (error) => faults.push(error),
    ...options,
  });
  fn.open();
  return { fn, mapper, source, faults, [Symbol.dispose]: () => fn[Symbol.dispose]() };
}

/** Memory of a driver, mapped at an address. */
export function mapped(mapper: MemoryMapper, iova: bigint, size: number): Uint8Array<ArrayBuffer> {
  const memory = new ArraySource().alloc(size);
  mapper.mapSync({ iova: iova as never, size: memory.size, memory, offset: 0, direction: "bidirectional" });
  return new Uint8Array(memory.buffer);
}

/** Reads a little-endian number of up to 4 bytes; -1 if fewer were read. */
export function peek(fn: HostedFunction, index: number, offset: number, width = 4): number {
  const bytes = new Uint8Array(width);
  if (fn.read(index, offset, bytes) < width) return -1;
  return bytes.reduce((value, byte, at) => value + byte * 2 ** (8 * at), 0);
}

/** Writes a little-endian number of up to 4 bytes. */
export function poke(fn: HostedFunction, index: number, offset: number, value: number, width = 4): void {
  fn.write(
    index,
    offset,
    Uint8Array.from({ length: width }, (_, at) => value >>> (8 * at)),
  );
}

/** Sets and clears bits of the command register. */
export function command(fn: HostedFunction, set: number, clear = 0): void {
  poke(fn, 7, 4, (peek(fn, 7, 4, 2) & ~clear) | set, 2);
}

/** Counts the events of vectors. */
export class Events {
  readonly counts: number[];
  #resolve: (() => void) | undefined;

  constructor(fn: HostedFunction, kind: IrqKind, vectors = 1) {
    this.counts = Array.from({ length: vectors }, () => 0);
    fn.setIrqs(
      kind,
      0,
      this.counts.map((_, vector) => ({
        signal: (count = 1) => {
          this.counts[vector]! += count;
          this.#resolve?.();
        },
      })),
    );
  }

  /** Waits on the event loop for the next event. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }
}

/** The code of what a call throws; `ok` if nothing. */
export function codeOf(call: () => unknown): string {
  try {
    call();
    return "ok";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}
