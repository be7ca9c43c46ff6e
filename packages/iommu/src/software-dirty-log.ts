import { checkInteger, checkType, type DirtyLog, PciError } from "@userpci/interface";
import { UNIT, unitOf } from "./pages.ts";

/** Bytes that a bitmap is made of at once: half of what a process can address (x86-64). */
const LARGEST = 2 ** 46;

/** The pages that emulated devices write, noted as their accesses are translated. */
export class SoftwareDirtyLog implements DirtyLog {
  readonly pageSize = UNIT;
  readonly exact = true;
  #written: Set<number> | undefined;

  start(): void {
    this.#written ??= new Set();
  }

  stop(): void {
    this.#written = undefined;
  }

  /** Notes that a device may write there. */
  note(iova: bigint, size: number): void {
    if (this.#written === undefined) return;
    const last = unitOf(iova + BigInt(size - 1));
    for (let unit = unitOf(iova); unit <= last; unit++) this.#written.add(unit);
  }

  /** Drops what is noted of units `first` to `end`, excluded: they are no longer what was written. */
  forget(first: number, end: number): void {
    const written = this.#written ?? new Set();
    // Either may be far longer than the other.
    if (end - first <= written.size) for (let unit = first; unit < end; unit++) written.delete(unit);
    else for (const unit of written) if (unit >= first && unit < end) written.delete(unit);
  }

  take(iova: bigint, size: number): Uint8Array {
    if (this.#written === undefined) throw notNoting();
    checkType("iova", iova, "bigint");
    checkInteger("size", size, 0, LARGEST);
    const bits = new Uint8Array(Math.ceil(size / UNIT / 8));
    const first = unitOf(iova);
    for (let page = 0; page < size / UNIT; page++) {
      if (this.#written.delete(first + page)) bits[page >> 3]! |= 1 << (page & 7);
    }
    return bits;
  }
}

/** The error for a log that is read before it was begun. */
export function notNoting(): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", "nobody notes which pages devices write", {
    hint: "begin first: dma.trackWrites(true), or start() of the log",
  });
}
