import { readlinkSync } from "node:fs";
import { basename } from "node:path";
import type { DmaMemory } from "@userpci/interface";
import { loadNative, StructRecord, uapi } from "../internals.ts";

const native = loadNative();

function check(result: number, what: string): number {
  if (result < 0) throw new Error(`${what}: ${result}`);
  return result;
}

/** A container with one group, by system calls alone and with structures that are packed once. */
export class RawContainer implements Disposable {
  readonly #container: number;
  readonly #group: number;
  readonly #map = new StructRecord(uapi.dmaMap);
  readonly #unmap = new StructRecord(uapi.dmaUnmap);
  readonly #mapAddress = native.addressOf(this.#map.bytes);
  readonly #unmapAddress = native.addressOf(this.#unmap.bytes);

  /** @param memory to be mapped as a whole */
  constructor(pciAddress: string, memory: DmaMemory) {
    const number = basename(readlinkSync(`/sys/bus/pci/devices/${pciAddress}/iommu_group`));
    const { O_RDWR } = native.constants;
    const { request, extension, mapFlag } = uapi;
    this.#container = check(native.open("/dev/vfio/vfio", O_RDWR), "/dev/vfio/vfio");
    this.#group = check(native.open(`/dev/vfio/${number}`, O_RDWR), "group");
    const fd = new Uint8Array(Int32Array.of(this.#container).buffer);
    check(native.ioctl(this.#group, request.GROUP_SET_CONTAINER, fd), "GROUP_SET_CONTAINER");
    check(native.ioctl(this.#container, request.SET_IOMMU, extension.TYPE1v2_IOMMU), "SET_IOMMU");
    const iova = 0x1000_0000n;
    const size = BigInt(memory.size);
    const flags = mapFlag.READ | mapFlag.WRITE;
    uapi.dmaMap.write(this.#map.bytes, {
      argsz: uapi.dmaMap.size,
      flags,
      vaddr: memory.address!,
      iova,
      size,
    });
    uapi.dmaUnmap.write(this.#unmap.bytes, { argsz: uapi.dmaUnmap.size, iova, size });
  }

  /** Maps and unmaps the memory. */
  mapAndUnmap(): void {
    check(native.ioctl(this.#container, uapi.request.IOMMU_MAP_DMA, this.#mapAddress), "MAP_DMA");
    check(native.ioctl(this.#container, uapi.request.IOMMU_UNMAP_DMA, this.#unmapAddress), "UNMAP_DMA");
  }

  [Symbol.dispose](): void {
    native.close(this.#group);
    native.close(this.#container);
  }
}
