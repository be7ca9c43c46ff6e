import { createRequire } from "node:module";
import { type Access, decode, type Touch } from "./decode.ts";
import { buildTrap } from "./trap-build.ts";

/** What the addon in `trap/` exports. */
interface Addon {
  guarded(): ArrayBuffer;
  address(): bigint;
  arm(): void;
  disarm(): ArrayBuffer;
  samples(): { readonly name: string; readonly expected: string; readonly runnable: boolean }[];
  runSample(index: number): void;
}

/** `struct Touch` of trap.h. */
const layout = { address: 0, error: 8, registers: 16, length: 144, code: 152, size: 168 } as const;
const WRITE_FAULT = 2n;

/** Memory that records every instruction which touches it. There is one in a process. */
export class Trap {
  /** The memory. Touch it freely outside {@link watch}. */
  readonly buffer: ArrayBuffer;
  readonly #addon: Addon;
  readonly #base: bigint;

  constructor() {
    this.#addon = createRequire(import.meta.url)(buildTrap()) as Addon;
    this.buffer = this.#addon.guarded();
    this.#base = this.#addon.address();
  }

  /** The known instructions that check the trap itself. */
  get samples(): ReturnType<Addon["samples"]> {
    return this.#addon.samples();
  }

  /** Runs one of {@link samples} over the memory. */
  runSample(index: number): void {
    this.#addon.runSample(index);
  }

  /** What `work` does to the memory, in order. */
  watch(work: () => void): Touch[] {
    this.#addon.arm();
    let records: ArrayBuffer;
    try {
      work();
    } finally {
      records = this.#addon.disarm();
    }
    const touches: Touch[] = [];
    for (let at = 0; at < records.byteLength; at += layout.size) touches.push(readTouch(records, at));
    return touches;
  }

  /**
   * The accesses of touches to the memory, for people: `write 32 @0x8`, `locked modify 8 @0x0`. What cannot be decoded, or
   * what the decoder and the processor do not agree on, becomes an entry that equals no expectation.
   */
  describe(touches: readonly Touch[]): string[] {
    return touches.flatMap((touch) => this.#describe(touch));
  }

  #describe(touch: Touch): string[] {
    const bytes = Array.from(touch.code, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const accesses = decode(touch);
    if (accesses === undefined) return [`unknown instruction ${bytes}`];
    const own = accesses.filter(
      ({ address, width }) =>
        this.#offset(address) > -width && this.#offset(address) < this.buffer.byteLength,
    );
    const faulted = own.filter(
      (access) => covers(access, touch.address) && (access.kind !== "read") === touch.wrote,
    );
    if (faulted.length === 0) {
      const did = `${touch.wrote ? "write" : "read"} at 0x${this.#offset(touch.address).toString(16)}`;
      return [`the processor says ${did}, the decoder does not, of ${bytes}`];
    }
    return own.map((access) => this.#name(access));
  }

  #name({ kind, width, address, locked }: Access): string {
    return `${locked ? "locked " : ""}${kind} ${width * 8} @0x${this.#offset(address).toString(16)}`;
  }

  #offset(address: bigint): number {
    return Number(address - this.#base);
  }
}

function covers({ address, width }: Access, point: bigint): boolean {
  return point >= address && point < address + BigInt(width);
}

function readTouch(records: ArrayBuffer, at: number): Touch {
  const view = new DataView(records, at, layout.size);
  const word = (offset: number): bigint => view.getBigUint64(offset, true);
  return {
    address: word(layout.address),
    wrote: (word(layout.error) & WRITE_FAULT) !== 0n,
    code: new Uint8Array(records, at + layout.code, Number(word(layout.length))),
    registers: Array.from({ length: 16 }, (_, i) => word(layout.registers + 8 * i)),
  };
}
