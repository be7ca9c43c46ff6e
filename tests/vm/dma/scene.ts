import { Dma } from "@userpci/dma";
import type { BackendDevice, OwnedRegion } from "@userpci/interface";
import { kernelBackend } from "../harness/backend.ts";
import { edu, startEdu, transfer } from "../harness/edu-registers.ts";
import { at } from "../machines.ts";

/** How much edu moves in one go here. */
export const SIZE = 256;

/** An edu that drives all 64 bits, and its DMA memory. */
export interface DmaScene {
  readonly device: BackendDevice;
  readonly dma: Dma;
  /** The device reads from memory at `iova`, and writes what it read to `to`. */
  copy(iova: bigint, to: bigint): Promise<void>;
  /** The device reads. */
  read(iova: bigint): Promise<void>;
  /** The device writes what it has read. */
  write(iova: bigint): Promise<void>;
}

/** Opens the device, runs `test`, and closes all. */
export async function withDma(test: (scene: DmaScene) => Promise<void> | void): Promise<void> {
  await using backend = kernelBackend();
  await using device = await backend.open(at.wideEdu);
  await using dma = new Dma(device);
  const bar: OwnedRegion = startEdu(device);
  const read = (iova: bigint) => transfer(bar, iova, BigInt(edu.BUFFER), SIZE, 1);
  const write = (iova: bigint) => transfer(bar, BigInt(edu.BUFFER), iova, SIZE, 3);
  const copy = async (iova: bigint, to: bigint) => {
    await read(iova);
    await write(to);
  };
  await test({ device, dma, copy, read, write });
}
