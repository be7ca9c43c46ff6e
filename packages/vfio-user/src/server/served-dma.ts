import type { DmaPort } from "@userpci/device-model";
import { type DmaDirection, PciError } from "@userpci/interface";
import type { Translation } from "@userpci/iommu";
import type { DmaMessages } from "./dma-messages.ts";
import type { DmaTable } from "./dma-table.ts";

/** How a served function reaches the memory of its client. */
export interface ClientMemory {
  readonly table: DmaTable;
  /** For maps without a file. */
  readonly messages: DmaMessages;
}

/**
 * The memory of whoever is the client at the moment: what a hosted function is given as its `DmaPort` when it is made, before
 * there is a client. Without one every access is a fault.
 */
export class ServedDma implements DmaPort {
  #client: ClientMemory | undefined;

  /** Connects a client's memory; undefined when it has gone. @internal */
  connect(client: ClientMemory | undefined): void {
    this.#client = client;
  }

  translate(iova: bigint, size: number, direction: DmaDirection): Translation {
    if (this.#client !== undefined) return this.#client.table.mapper.translate(iova, size, direction);
    return { slices: [], fault: { iova, reason: "unmapped" } };
  }

  async read(iova: bigint, size: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(size);
    await this.#walk(iova, size, "to-device", async (slice, at) => {
      if (typeof slice === "object") bytes.set(slice, at);
      else bytes.set(await this.#connected(iova).messages.read(iova + BigInt(at), slice), at);
    });
    return bytes;
  }

  async write(iova: bigint, source: Uint8Array): Promise<void> {
    await this.#walk(iova, source.length, "from-device", async (slice, at) => {
      if (typeof slice === "object") slice.set(source.subarray(at, at + slice.length));
      else await this.#connected(iova).messages.write(iova + BigInt(at), source.subarray(at, at + slice));
    });
  }

  /**
   * Goes through a range that may have both kinds of maps.
   *
   * @param step told of mapped bytes, or of a number of bytes that the client must be asked for, and where in the range
   */
  async #walk(
    iova: bigint,
    size: number,
    direction: "to-device" | "from-device",
    step: (slice: Uint8Array | number, at: number) => Promise<void>,
  ): Promise<void> {
    for (let at = 0; at < size; ) {
      const address = iova + BigInt(at);
      const entry = this.#connected(address).table.find(address);
      const allowed = direction === "to-device" ? entry?.readable : entry?.writable;
      if (entry === undefined || allowed !== true) throw unmapped(address, direction);
      const inside = entry.last - address + 1n;
      const length = inside > BigInt(size - at) ? size - at : Number(inside);
      if (entry.part === undefined) await step(length, at);
      else {
        let done = at;
        for (const slice of this.translate(address, length, direction).slices) {
          await step(slice, done);
          done += slice.length;
        }
        if (done < at + length) throw unmapped(address, direction);
      }
      at += length;
    }
  }

  #connected(iova: bigint): ClientMemory {
    if (this.#client !== undefined) return this.#client;
    throw unmapped(iova, "to-device");
  }
}

function unmapped(iova: bigint, direction: DmaDirection): PciError {
  const what = direction === "to-device" ? "readable" : "writable";
  return new PciError("ERR_DMA_FAULT", `the client has mapped nothing ${what} at 0x${iova.toString(16)}`, {
    hint: "map it for the device first (DMA_MAP)",
    details: { iova },
  });
}
