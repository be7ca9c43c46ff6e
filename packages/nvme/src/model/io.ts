import { ALL_NAMESPACES, ioOpcode, nvmeStatus } from "../commands.ts";
import { ByteStore, type RamDisk } from "./disk.ts";
import { type HealthCounters, LONGEST_TRANSFER, NAMESPACE } from "./identity.ts";
import type { DataMover, Work } from "./mover.ts";
import type { SubmissionQueue } from "./queues.ts";

/** Bytes of a range of Dataset Management. */
const RANGE_SIZE = 16;

/** Bit of CDW11 of Dataset Management: deallocate. */
const DEALLOCATE = 1 << 2;

/** The blocks that a command names, in bytes of the disk. */
interface Extent {
  readonly offset: number;
  readonly length: number;
}

/** The commands of I/O queues (NVM Command Set 1.0, section 3.2; Base 1.4, section 6), on a RAM disk. */
export class IoCommands {
  /** What was done since power-on. */
  readonly use: HealthCounters = { reads: 0, writes: 0, bytesRead: 0, bytesWritten: 0 };
  readonly #disk: RamDisk;
  readonly #blockSize: number;
  readonly #mover: DataMover;

  constructor(disk: RamDisk, blockSize: number, mover: DataMover) {
    this.#disk = disk;
    this.#blockSize = blockSize;
    this.#mover = mover;
  }

  /** Works on the command of a queue. @returns a code of `nvmeStatus` */
  *execute(queue: SubmissionQueue): Work {
    const { opcode, words } = queue;
    const toAll = opcode === ioOpcode.FLUSH && words[1] === ALL_NAMESPACES;
    if (words[1] !== NAMESPACE && !toAll) return nvmeStatus.INVALID_NAMESPACE;
    switch (opcode) {
      case ioOpcode.READ:
      case ioOpcode.WRITE:
        return yield* this.#transfer(queue);
      case ioOpcode.FLUSH:
        return nvmeStatus.SUCCESS;
      case ioOpcode.COMPARE:
        return yield* this.#compare(queue);
      case ioOpcode.WRITE_ZEROES:
        return this.#writeZeroes(queue);
      case ioOpcode.DATASET_MANAGEMENT:
        return yield* this.#manage(queue);
      default:
        return nvmeStatus.INVALID_OPCODE;
    }
  }

  *#transfer(queue: SubmissionQueue): Work {
    const extent = this.#extentOf(queue.words);
    if (typeof extent === "number") return extent;
    const { offset, length } = extent;
    if (length > LONGEST_TRANSFER) return nvmeStatus.INVALID_FIELD;
    const reads = queue.opcode === ioOpcode.READ;
    const status = yield* this.#mover.move(queue, this.#disk, offset, length, reads ? "write" : "read");
    const { use } = this;
    if (reads) {
      use.reads += 1;
      use.bytesRead += length;
    } else {
      use.writes += 1;
      use.bytesWritten += length;
    }
    return status;
  }

  *#compare(queue: SubmissionQueue): Work {
    const extent = this.#extentOf(queue.words);
    if (typeof extent === "number") return extent;
    const { offset, length } = extent;
    if (length > LONGEST_TRANSFER) return nvmeStatus.INVALID_FIELD;
    const given = new ByteStore(new Uint8Array(length));
    const status = yield* this.#mover.move(queue, given, 0, length, "read");
    if (status !== nvmeStatus.SUCCESS) return status;
    return this.#disk.equals(offset, given.bytes) ? nvmeStatus.SUCCESS : nvmeStatus.COMPARE_FAILURE;
  }

  #writeZeroes({ words }: SubmissionQueue): number {
    const extent = this.#extentOf(words);
    if (typeof extent === "number") return extent;
    this.#disk.zero(extent.offset, extent.length);
    return nvmeStatus.SUCCESS;
  }

  *#manage(queue: SubmissionQueue): Work {
    const { words } = queue;
    const count = (words[10]! & 0xff) + 1;
    const given = new ByteStore(new Uint8Array(count * RANGE_SIZE));
    const status = yield* this.#mover.move(queue, given, 0, given.bytes.length, "read");
    if (status !== nvmeStatus.SUCCESS || (words[11]! & DEALLOCATE) === 0) return status;
    const ranges = new Uint32Array(given.bytes.buffer);
    const extents: Extent[] = [];
    // All are looked at before any is done.
    for (let at = 0; at < ranges.length; at += RANGE_SIZE / 4) {
      const blocks = ranges[at + 1]!;
      if (blocks === 0) continue;
      const extent = this.#extent(ranges[at + 2]!, ranges[at + 3]!, blocks);
      if (typeof extent === "number") return extent;
      extents.push(extent);
    }
    for (const { offset, length } of extents) this.#disk.zero(offset, length);
    return nvmeStatus.SUCCESS;
  }

  /** What CDW10 to CDW12 name. @returns a code of `nvmeStatus` where the disk does not have it */
  #extentOf(words: Uint32Array): Extent | number {
    return this.#extent(words[10]!, words[11]!, (words[12]! & 0xffff) + 1);
  }

  #extent(low: number, high: number, blocks: number): Extent | number {
    // Not exact beyond 2^53, but beyond the disk all the same.
    const first = low + high * 2 ** 32;
    const offset = first * this.#blockSize;
    const length = blocks * this.#blockSize;
    return offset + length > this.#disk.size ? nvmeStatus.LBA_OUT_OF_RANGE : { offset, length };
  }
}
