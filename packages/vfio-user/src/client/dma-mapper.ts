import {
  type DmaMapper,
  type Iova,
  isPciError,
  type MapperLimits,
  type MapRequest,
} from "@userpci/interface";
import type { MemoryMapper } from "@userpci/iommu";
import { type Capabilities, limits, structures } from "../protocol/index.ts";
import type { Connection } from "./connection.ts";

const { READ, WRITE } = structures.dmaMapFlag;
const directionFlags = { "to-device": READ, "from-device": WRITE, bidirectional: READ | WRITE } as const;

/** The smallest page a server takes, in bytes, of those that its `pgsizes` names by their bits. */
function smallestPage(pgsizes: number): number {
  const bits = BigInt(pgsizes);
  return Math.max(limits.page, Number(bits & -bits));
}

/**
 * What a server's device sees of memory. Memory with a descriptor is shared: the server maps it. What has none, and what a
 * server does not map, is read and written by messages: `table` knows all of it.
 *
 * A device that is closed leaves its mappings to its domain, as the kernel's do: they are then in the table alone.
 */
export class DmaMessages implements DmaMapper {
  readonly name: string;
  readonly table: MemoryMapper;
  readonly #connect: () => Connection;
  readonly #onClose: () => void;
  #limits: { readonly most: number; readonly pageSize: number } | undefined;
  /** Whether the server takes a descriptor with a message. */
  #shares = true;

  /**
   * @param table what the server's requests are answered from; its own from now on
   * @param connection to the server, once there is one
   */
  constructor(path: string, table: MemoryMapper, connection: () => Connection, onClose: () => void) {
    this.name = `vfio-user server ${path}`;
    this.table = table;
    this.#connect = connection;
    this.#onClose = onClose;
  }

  /** Takes what the server says of itself. */
  agree({ maxDmaMaps, maxMsgFds, pgsizes }: Capabilities): void {
    this.#shares = maxMsgFds > 0;
    this.#limits = { most: maxDmaMaps, pageSize: smallestPage(pgsizes) };
  }

  limits(): MapperLimits {
    const { most = limits.dmaMaps, pageSize = limits.page } = this.#limits ?? {};
    const mappingsLeft = Math.max(0, most - this.table.size);
    return { ranges: this.table.limits().ranges, pageSize, mappingsLeft };
  }

  async map(request: MapRequest): Promise<void> {
    this.mapSync(request);
  }

  mapSync(request: MapRequest): void {
    this.table.mapSync(request);
    const connection = this.#connect();
    if (connection.closed) return;
    try {
      this.#tell(connection, request);
    } catch (error) {
      this.table.unmapSync(request.iova, request.size);
      throw error;
    }
  }

  async unmap(iova: Iova, size: number): Promise<void> {
    this.unmapSync(iova, size);
  }

  /** The server has let go of the memory when this returns; one that is gone, or was given up, has no say. */
  unmapSync(iova: Iova, size: number): void {
    const connection = this.#connect();
    try {
      if (!connection.closed && connection.ended === undefined) {
        const { size: argsz } = structures.dmaUnmap;
        connection.call("dmaUnmap", { argsz, flags: 0, address: iova, size: BigInt(size) });
      }
    } catch (error) {
      if (connection.ended === undefined || !isPciError(error)) throw error;
    }
    if (!this.table.closed) this.table.unmapSync(iova, size);
  }

  close(): void {
    if (this.table.closed) return;
    this.table.close();
    this.#onClose();
  }

  #tell(connection: Connection, { iova, size, memory, offset, direction }: MapRequest): void {
    const file = this.#shares ? memory.file : undefined;
    connection.call(
      "dmaMap",
      {
        argsz: structures.dmaMap.size,
        flags: directionFlags[direction],
        offset: BigInt((file?.offset ?? 0) + (file === undefined ? 0 : offset)),
        address: iova,
        size: BigInt(size),
      },
      undefined,
      file === undefined ? [] : [file.fd],
    );
  }
}
