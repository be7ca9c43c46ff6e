import type { DeviceModel, HostedFunction } from "@userpci/device-model";
import { type HostOptions, hostFunction } from "@userpci/device-model";
import { MemfdSource } from "@userpci/vfio-native/socket";
import { ServedDma } from "@userpci/vfio-user/server";

type Client = Parameters<ServedDma["connect"]>[0];

/** Asks the client for every byte by DMA_READ and DMA_WRITE, as where it shares none of its memory. */
class MessageDma extends ServedDma {
  #client: Client;

  override connect(client: Client): void {
    this.#client = client;
  }

  override translate(iova: bigint): ReturnType<ServedDma["translate"]> {
    return { slices: [], fault: { iova, reason: "unmapped" } };
  }

  override read(iova: bigint, size: number): Promise<Uint8Array> {
    return this.#client!.messages.read(iova, size);
  }

  override write(iova: bigint, bytes: Uint8Array): Promise<void> {
    return this.#client!.messages.write(iova, bytes);
  }
}

/** A model whose DMA goes by messages, for `serve`. */
export function hostedByMessages(
  model: DeviceModel,
  options: Pick<HostOptions, "time" | "onFault">,
): { readonly fn: HostedFunction; readonly dma: ServedDma } {
  const dma = new MessageDma();
  return { fn: hostFunction(model, { ...options, memory: new MemfdSource(), dma }), dma };
}
