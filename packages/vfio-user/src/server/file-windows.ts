import { fstatSync } from "node:fs";
import type { DmaMemory } from "@userpci/interface";
import { mapReceived } from "@userpci/vfio-native/socket";
import { refusal } from "./descriptors.ts";
import { DMA_PAGE } from "./dma-table.ts";

/**
 * Bytes of a file that are mapped at once, aligned in it. Large enough that a guest's memory takes few mappings however
 * many parts of it a client maps (the kernel allows 65,530 a process), and small enough for an ArrayBuffer of any engine.
 */
const WINDOW = 2 ** 30;

/** A part of a client's file, to be mapped for its device. */
export interface FilePart {
  /** Stays the caller's. */
  readonly fd: number;
  /** Bytes into the file, a page multiple. */
  readonly offset: bigint;
  /** Bytes, a page multiple. */
  readonly size: bigint;
  /** Whether the device writes. If not, what a model writes by mistake is seen by itself alone, and no crash. */
  readonly writable: boolean;
}

/** Where a part of a file is in this process. */
export interface FilePiece {
  readonly memory: DmaMemory;
  /** Bytes into the memory. */
  readonly offset: number;
  readonly size: number;
}

/** A {@link FilePart} that is mapped. */
export interface MappedPart {
  /** Names file, place and rights: equal for equal parts. */
  readonly identity: string;
  /** In the order of the file; more than one where the part crosses a boundary of windows. */
  readonly pieces: readonly FilePiece[];
  /** Gives the part back. To be called once. */
  release(): void;
}

interface Window {
  readonly key: string;
  readonly memory: DmaMemory;
  users: number;
}

/** Files of clients, mapped by windows that all maps on them share. */
export class FileWindows {
  readonly #windows = new Map<string, Window>();

  /** How many mappings there are. */
  get size(): number {
    return this.#windows.size;
  }

  /**
   * Maps a part of a file.
   *
   * @throws PciError `EINVAL` for what is no regular file, or is shorter; with the system's code where it cannot be mapped so
   */
  map(part: FilePart): MappedPart {
    const { dev, ino, size } = checkFile(part);
    const file = `${dev}:${ino}:${part.writable ? "rw" : "r"}`;
    const windows: Window[] = [];
    const release = (): void => {
      for (const window of windows.splice(0)) this.#release(window);
    };
    try {
      const pieces = split(Number(part.offset), Number(part.size)).map(({ start, length }) => {
        const base = Math.floor(start / WINDOW) * WINDOW;
        const window = this.#window(file, base, Math.min(WINDOW, size - base), part);
        windows.push(window);
        return { memory: window.memory, offset: start - base, size: length };
      });
      return { identity: `${file}:${part.offset}:${part.size}`, pieces, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  #window(file: string, base: number, length: number, { fd, writable }: FilePart): Window {
    const key = `${file}:${base}:${length}`;
    const known = this.#windows.get(key);
    if (known !== undefined) {
      known.users++;
      return known;
    }
    const memory = mapReceived(fd, { offset: base, size: length, readOnly: !writable });
    const window = { key, memory, users: 1 };
    this.#windows.set(key, window);
    return window;
  }

  #release(window: Window): void {
    if (--window.users > 0) return;
    this.#windows.delete(window.key);
    window.memory.close();
  }
}

/** @throws PciError `EINVAL` */
function checkFile({ fd, offset, size }: FilePart): { dev: bigint; ino: bigint; size: number } {
  const stat = fstatSync(fd, { bigint: true });
  if (!stat.isFile()) throw refusal("EINVAL", "the descriptor of a DMA map is no regular file");
  // What lies behind the end of a file on its last page is mapped too, and reads as zeros (mmap(2)).
  const end = (stat.size + DMA_PAGE - 1n) & -DMA_PAGE;
  if (offset + size > end || stat.size > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw refusal("EINVAL", `a DMA map of ${size} bytes at ${offset} of a file that has ${stat.size} bytes`);
  }
  return { dev: stat.dev, ino: stat.ino, size: Number(stat.size) };
}

/** Splits a part of a file where windows begin. */
function split(offset: number, size: number): { start: number; length: number }[] {
  const parts: { start: number; length: number }[] = [];
  for (let start = offset; start < offset + size; ) {
    const end = Math.min(offset + size, (Math.floor(start / WINDOW) + 1) * WINDOW);
    parts.push({ start, length: end - start });
    start = end;
  }
  return parts;
}
