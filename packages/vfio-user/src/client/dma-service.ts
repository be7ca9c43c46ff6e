import { constants } from "node:os";
import { isPciError } from "@userpci/interface";
import type { MemoryMapper } from "@userpci/iommu";
import { closeReceived } from "@userpci/vfio-native/socket";
import {
  commandOf,
  decodeRequest,
  encodeError,
  encodeReply,
  type Header,
  limits,
} from "../protocol/index.ts";

const { EFAULT, EINVAL, E2BIG } = constants.errno;

/** Answers what a server asks of its client: to read and to write the memory that the client has mapped for the device. */
export class DmaService {
  readonly #table: MemoryMapper;

  /** @param table what is mapped for the device */
  constructor(table: MemoryMapper) {
    this.#table = table;
  }

  /**
   * The answer to one request.
   *
   * @throws PciError `ERR_PROTOCOL` for a request that is malformed
   */
  answer(header: Header, body: Uint8Array): Uint8Array {
    const { id, command } = header;
    const name = commandOf(command);
    if (name !== "dmaRead" && name !== "dmaWrite") return encodeError(id, command, EINVAL);
    const { values, tail } = decodeRequest(name, body);
    const { address, count } = values;
    if (count > limits.dataTransfer) return encodeError(id, command, E2BIG);
    const data = name === "dmaRead" ? this.#read(address, Number(count)) : this.#write(address, tail);
    if (data === undefined) return encodeError(id, command, EFAULT);
    return encodeReply(name, id, { address, count }, data);
  }

  /** Closes descriptors that nobody wants. */
  discard(fds: readonly number[]): void {
    for (const fd of fds) closeReceived(fd);
  }

  /** The bytes, or undefined if the device may not read some of them. */
  #read(address: bigint, count: number): Uint8Array | undefined {
    const slices = this.#reach(address, count, "to-device");
    if (slices === undefined) return undefined;
    const data = new Uint8Array(count);
    let at = 0;
    for (const slice of slices) {
      data.set(slice, at);
      at += slice.length;
    }
    return data;
  }

  /** Nothing, or undefined if the device may not write some of the bytes; none is written then. */
  #write(address: bigint, data: Uint8Array): Uint8Array | undefined {
    const slices = this.#reach(address, data.length, "from-device");
    let at = 0;
    for (const slice of slices ?? []) {
      slice.set(data.subarray(at, at + slice.length));
      at += slice.length;
    }
    return slices && nothing;
  }

  #reach(
    address: bigint,
    count: number,
    direction: "to-device" | "from-device",
  ): readonly Uint8Array[] | undefined {
    try {
      const { slices, fault } = this.#table.translate(address, count, direction);
      return fault === undefined ? slices : undefined;
    } catch (error) {
      // An address that none is.
      if (isPciError(error)) return undefined;
      throw error;
    }
  }
}

const nothing = new Uint8Array(0);
