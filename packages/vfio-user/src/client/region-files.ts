import { fstatSync } from "node:fs";
import { constants } from "node:os";
import { closeReceived } from "@userpci/vfio-native/socket";
import {
  type DecodedRegionInfo,
  decodeRegionInfo,
  encodeRegionInfo,
  protocolError,
  regionInfoSize,
  structures,
} from "../protocol/index.ts";
import type { Connection } from "./connection.ts";

const { ENODEV, ENXIO } = constants.errno;

/** Regions lie this far apart in the file that a device's accesses are positions of, as vfio-pci has it too. */
const SPAN = 2 ** 40;

/** Most bytes of REGION_GET_INFO's answer. */
const MOST_BYTES = 64 * 1024;

/** A region with the descriptor to map it by. */
interface RegionFile {
  readonly info: DecodedRegionInfo;
  readonly fd: number | undefined;
}

/** Which region a position in the device's file is in, and where. */
export const regionAt = (position: number): number => Math.floor(position / SPAN);
/** See {@link regionAt}. */
export const offsetAt = (position: number): number => position % SPAN;

/** What a server says of its device's regions, and the descriptors that it sent for them. */
export class RegionFiles {
  readonly #connection: Connection;
  readonly #files = new Map<number, RegionFile>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Whether a BAR can be mapped. */
  get anyMappable(): boolean {
    return [...this.#files].some(([index, { fd }]) => index < 6 && fd !== undefined);
  }

  /**
   * The kernel's answer about a region (`VFIO_DEVICE_GET_REGION_INFO`), its capabilities included as far as `room` goes.
   *
   * @throws PciError as the connection
   */
  describe(index: number, room: number): Uint8Array {
    const { info, fd } = this.#file(index);
    const { size, readable, writable } = info;
    const areas = fd === undefined ? [] : info.areas;
    const offset = BigInt(index) * BigInt(SPAN);
    return encodeRegionInfo({ index, size, readable, writable, offset, areas }, room);
  }

  /** Where a part of the device's file can be mapped, or a negative errno. The server's file may be shorter than it says. */
  locate(position: number, length: number): { fd: number; offset: number } | number {
    const file = this.#files.get(regionAt(position));
    if (file?.fd === undefined) return -ENODEV;
    const offset = Number(file.info.offset) + offsetAt(position);
    const stat = fstatSync(file.fd);
    if (stat.isFile() && offset + length > stat.size) return -ENXIO;
    return { fd: file.fd, offset };
  }

  /** Closes the descriptors. Harmless twice. */
  close(): void {
    for (const { fd } of this.#files.values()) if (fd !== undefined) closeReceived(fd);
    this.#files.clear();
  }

  #file(index: number): RegionFile {
    const known = this.#files.get(index);
    if (known !== undefined) return known;
    const file = this.#ask(index);
    this.#files.set(index, file);
    return file;
  }

  #ask(index: number): RegionFile {
    const first = this.#askWith(index, structures.regionInfo.size);
    const { argsz } = first.info;
    if (argsz <= structures.regionInfo.size || argsz > MOST_BYTES) return first;
    if (first.fd !== undefined) closeReceived(first.fd);
    return this.#askWith(index, argsz);
  }

  #askWith(index: number, argsz: number): RegionFile {
    const { size } = structures.regionInfo;
    const { values, tail, fds } = this.#connection.call("regionGetInfo", { argsz, index });
    try {
      const payload = structures.regionInfo.pack(values, tail.length);
      payload.set(tail, size);
      const info = checked(decodeRegionInfo(payload), index);
      const fd = info.areas.length > 0 ? fds[0] : undefined;
      for (const unused of fds) if (unused !== fd) closeReceived(unused);
      return { info, fd };
    } catch (error) {
      for (const fd of fds) closeReceived(fd);
      throw this.#connection.end(error as ReturnType<typeof protocolError>);
    }
  }
}

/** A region that is whole: what can be mapped without areas of its own is all of it. */
function checked(info: DecodedRegionInfo, index: number): DecodedRegionInfo {
  if (info.index !== index)
    throw protocolError(`the server answered region ${index} as region ${info.index}`);
  if (info.size > SPAN || info.offset > Number.MAX_SAFE_INTEGER) {
    throw protocolError(`region ${index} has ${info.size} bytes at ${info.offset}`);
  }
  const named = info.areas.length > 0 || !info.mappable || info.argsz > regionInfoSize(0);
  const areas = named ? info.areas : [{ offset: 0, size: Number(info.size) }];
  return { ...info, areas: info.size === 0n ? [] : areas };
}
