import { commands, headerFlag, limits, protocolError } from "../protocol/index.ts";
import type { Connection } from "./connection.ts";

/** Width of a register access in bytes. */
export type Width = 1 | 2 | 4;

/** Bytes of a region access before its data. */
const FIXED = 32;
const TYPE_AND_ERROR = 0xf | headerFlag.ERROR;
const READ = commands.regionRead.number;
const WRITE = commands.regionWrite.number;

/** A request that is filled anew for each access: its bytes, and the same as words. */
class AccessRequest {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;

  /** @param data bytes behind the fixed part */
  constructor(width: number, data: number) {
    this.words = new Uint32Array(FIXED / 4 + 2);
    this.bytes = new Uint8Array(this.words.buffer, 0, FIXED + data);
    this.words[1] = FIXED + data;
    this.words[7] = width;
  }

  fill(id: number, command: number, region: number, offset: number): number {
    const first = (id | (command << 16)) >>> 0;
    this.words[0] = first;
    this.words[4] = offset;
    this.words[5] = offset / 2 ** 32;
    this.words[6] = region;
    return first;
  }
}

/**
 * Register accesses by message. The requests are made once, and the plain answer is taken without being decoded: what is
 * anything else goes the long way, through {@link Connection.settle}.
 */
export class Registers {
  readonly #connection: Connection;
  readonly #most: number;
  readonly #reads = { 1: new AccessRequest(1, 0), 2: new AccessRequest(2, 0), 4: new AccessRequest(4, 0) };
  readonly #wideRead = new AccessRequest(8, 0);
  readonly #wideWrite = new AccessRequest(8, 8);
  readonly #writes = { 1: new AccessRequest(1, 1), 2: new AccessRequest(2, 2), 4: new AccessRequest(4, 4) };

  /** @param most bytes of data that the server gives in one message */
  constructor(connection: Connection, most: number) {
    this.#connection = connection;
    this.#most = Math.min(most, limits.dataTransfer);
  }

  /** @returns the unsigned value, or the negative errno that the server refused with */
  read(region: number, offset: number, width: Width): number {
    const connection = this.#connection;
    const request = this.#reads[width];
    const first = request.fill(connection.nextId(), READ, region, offset);
    const result = this.#ask(request, first, FIXED + width);
    if (result < 0) return result;
    const { bytes, words } = connection.socket;
    if (width === 4) return words[8]!;
    return width === 1 ? bytes[FIXED]! : bytes[FIXED]! | (bytes[FIXED + 1]! << 8);
  }

  /**
   * Reads many bytes, up to as many as go into a message.
   *
   * @returns how many
   * @throws PciError as `Connection.call`
   */
  readBytes(region: number, offset: number, target: Uint8Array): number {
    const count = Math.min(target.length, this.#most);
    const request = { offset: BigInt(offset), region, count };
    const { values, tail } = this.#connection.call("regionRead", request);
    if (values.count !== count || tail.length !== count)
      throw this.#connection.end(
        protocolError(
          `the server answered a read of ${count} bytes with ${tail.length}, which it calls ${values.count}`,
        ),
      );
    target.set(tail);
    return count;
  }

  /** @returns 0, or the negative errno that the server refused with */
  write(region: number, offset: number, width: Width, value: number): number {
    const request = this.#writes[width];
    const first = request.fill(this.#connection.nextId(), WRITE, region, offset);
    request.words[2] = 0;
    request.words[8] = value;
    const result = this.#ask(request, first, FIXED);
    return Math.min(0, result);
  }

  /** {@link write} without waiting for what comes of it. */
  post(region: number, offset: number, width: Width, value: number): void {
    const request = this.#writes[width];
    request.fill(this.#connection.nextId(), WRITE, region, offset);
    request.words[2] = headerFlag.NO_REPLY;
    request.words[8] = value;
    this.#connection.post(request.bytes);
  }

  /** {@link read} of 64 bits. */
  readWide(region: number, offset: number): bigint | number {
    const request = this.#wideRead;
    const first = request.fill(this.#connection.nextId(), READ, region, offset);
    const result = this.#ask(request, first, FIXED + 8);
    if (result < 0) return result;
    const { words } = this.#connection.socket;
    return BigInt(words[8]!) | (BigInt(words[9]!) << 32n);
  }

  /** {@link write} of 64 bits. */
  writeWide(region: number, offset: number, value: bigint): number {
    const first = this.#fillWide(region, offset, value, 0);
    return Math.min(0, this.#ask(this.#wideWrite, first, FIXED));
  }

  /** {@link post} of 64 bits. */
  postWide(region: number, offset: number, value: bigint): void {
    this.#fillWide(region, offset, value, headerFlag.NO_REPLY);
    this.#connection.post(this.#wideWrite.bytes);
  }

  #fillWide(region: number, offset: number, value: bigint, flags: number): number {
    const { words } = this.#wideWrite;
    words[2] = flags;
    words[8] = Number(value & 0xffff_ffffn);
    words[9] = Number((value >> 32n) & 0xffff_ffffn);
    return this.#wideWrite.fill(this.#connection.nextId(), WRITE, region, offset);
  }

  /** @returns `expected`, or the negative errno that the server refused with */
  #ask({ bytes }: AccessRequest, first: number, expected: number): number {
    const connection = this.#connection;
    let size: number;
    if (connection.single) {
      connection.assertOpen();
      const begun = performance.now();
      size = connection.exchange(bytes);
      const { words } = connection.socket;
      if (size === expected && words[0] === first && (words[2]! & TYPE_AND_ERROR) === headerFlag.REPLY) {
        return size;
      }
      size = connection.settle(size, bytes, begun);
    } else {
      size = connection.transact(bytes);
    }
    if (size < 0 || size === expected) return size;
    throw connection.end(
      protocolError(`the server answered a register access with ${size - limits.header} bytes`),
    );
  }
}
