import type { HostedFunction } from "@userpci/device-model";
import type { RegionInfo } from "@userpci/interface";
import { commands, headerFlag } from "../protocol/index.ts";
import { refusal } from "./descriptors.ts";

/** Where the fields of REGION_READ and REGION_WRITE are in a message; the reply has them at the same places. */
const at = {
  id: 0,
  command: 2,
  size: 4,
  flags: 8,
  errno: 12,
  offset: 16,
  region: 24,
  count: 28,
  data: 32,
} as const;

/** A reply of few bytes, made once. */
interface ReadyReply {
  readonly frame: Uint8Array;
  readonly view: DataView;
  /** What follows the fixed part. */
  readonly data: Uint8Array;
}

/** The longest access of a driver, which makes no garbage. */
const LONGEST_SMALL = 8;

function readyReply(command: number, length: number): ReadyReply {
  const frame = new Uint8Array(at.data + length);
  const view = new DataView(frame.buffer);
  view.setUint16(at.command, command, true);
  view.setUint32(at.size, frame.length, true);
  view.setUint32(at.flags, headerFlag.REPLY, true);
  return { frame, view, data: frame.subarray(at.data) };
}

/** A client's accesses to regions: REGION_READ, REGION_WRITE and the writes of REGION_WRITE_MULTI. */
export class RegionAccess {
  readonly #fn: HostedFunction;
  readonly #regions: readonly RegionInfo[];
  /** Most bytes of one access. */
  readonly #transfer: number;
  readonly #reads = Array.from({ length: LONGEST_SMALL + 1 }, (_, n) =>
    readyReply(commands.regionRead.number, n),
  );
  readonly #written = readyReply(commands.regionWrite.number, 0);
  /** Of the length that is its index. */
  readonly #small = Array.from({ length: LONGEST_SMALL + 1 }, (_, n) => new Uint8Array(n));

  constructor(fn: HostedFunction, regions: readonly RegionInfo[], transfer: number) {
    this.#fn = fn;
    this.#regions = regions;
    this.#transfer = transfer;
  }

  /**
   * Does a REGION_READ.
   *
   * @param request the whole message
   * @param size of it
   * @returns the whole reply, good until the next call
   * @throws PciError `EINVAL` for what is not inside a region, and as `HostedFunction.read`
   */
  read(request: DataView, size: number): Uint8Array {
    if (size !== at.data) throw refusal("EINVAL", `REGION_READ of ${size} bytes, and one has ${at.data}`);
    const count = request.getUint32(at.count, true);
    const region = request.getUint32(at.region, true);
    const offset = offsetIn(request);
    this.#check(region, offset, count);
    const reply =
      count <= LONGEST_SMALL ? this.#reads[count]! : readyReply(commands.regionRead.number, count);
    if (count > 0 && this.#fn.read(region, offset, reply.data) !== count) {
      throw refusal("EINVAL", `region ${region} has less than ${count} bytes at ${offset}`);
    }
    return echo(request, reply);
  }

  /**
   * Does a REGION_WRITE.
   *
   * @param request the whole message, and the same as bytes
   * @returns as {@link read}
   * @throws PciError as {@link read}, and as `HostedFunction.write`
   */
  write(request: DataView, bytes: Uint8Array, size: number): Uint8Array {
    const count = size < at.data ? -1 : request.getUint32(at.count, true);
    if (count !== size - at.data)
      throw refusal("EINVAL", `REGION_WRITE of ${size} bytes, not as many as it says`);
    this.writeAt(request.getUint32(at.region, true), offsetIn(request), bytes, at.data, count);
    return echo(request, this.#written);
  }

  /**
   * Writes a part of `bytes`.
   *
   * @param start of the part
   * @throws PciError as {@link write}
   */
  writeAt(region: number, offset: number, bytes: Uint8Array, start: number, count: number): void {
    this.#check(region, offset, count);
    if (count === 0) return;
    const small = this.#small[count];
    for (let i = 0; small !== undefined && i < count; i++) small[i] = bytes[start + i]!;
    const source = small ?? bytes.subarray(start, start + count);
    if (this.#fn.write(region, offset, source) !== count) {
      throw refusal("EINVAL", `region ${region} has less than ${count} bytes at ${offset}`);
    }
  }

  #check(region: number, offset: number, count: number): void {
    const size = this.#regions[region]?.size ?? -1;
    if (count <= this.#transfer && offset + count <= size) return;
    if (size < 0) throw refusal("EINVAL", `region ${region}, and there are ${this.#regions.length}`);
    throw refusal("EINVAL", `${count} bytes at ${offset} of region ${region}, which has ${size} bytes`);
  }
}

/** The offset as a number; one that no region has stays one, though not exact. */
function offsetIn(request: DataView): number {
  return request.getUint32(at.offset, true) + request.getUint32(at.offset + 4, true) * 2 ** 32;
}

function echo(request: DataView, { frame, view }: ReadyReply): Uint8Array {
  view.setUint16(at.id, request.getUint16(at.id, true), true);
  for (let field: number = at.offset; field < at.data; field += 4) {
    view.setUint32(field, request.getUint32(field, true), true);
  }
  return frame;
}
