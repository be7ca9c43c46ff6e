import { type DmaMapper, type DmaMemory, MAX_IOVA, type MapperLimits, toIova } from "@userpci/interface";
import { createDomain } from "@userpci/iommu";
import type { PciDevice } from "userpci";
import type { Bench, Limit } from "../bench.ts";
import { StructRecord, uapi } from "../internals.ts";
import { sink } from "../rows/registers.ts";
import { quickest } from "../timing.ts";
import type { GuestOrder } from "../vm.ts";
import { rowsOf, vmRows } from "./names.ts";
import { RawContainer } from "./raw-container.ts";

// The same in c/vfio.c.
const MAPS = 20;
const SLICES = 300;
const LARGE_MAPS = 4;
const LARGE_SLICES = 40;
const VAST_MAPS = 1;
const VAST_SLICES = 10;

const SMALL = 4096;
const LARGE = 2 ** 21;
const VAST = 2 ** 26;

const limits: readonly Limit[] = [{ of: "C", atMost: 2 }];

/** A mapper without an IOMMU: what is left of a mapping is the domain's own work. */
class NoMapper implements DmaMapper {
  readonly name = "nothing";

  limits(): MapperLimits {
    return { ranges: [{ start: 0n, last: MAX_IOVA }], pageSize: SMALL };
  }
  async map(): Promise<void> {}
  mapSync(): void {}
  async unmap(): Promise<void> {}
  unmapSync(): void {}
  close(): void {}
}

/** Mapping memory for the device and taking it away again, whole and in parts. */
export async function dmaRows(bench: Bench, device: PciDevice, order: GuestOrder): Promise<void> {
  await mappingRows(bench, device, order);
  const { memory } = device.backendDevice;
  using source = memory.alloc(SMALL);
  new Uint8Array(source.buffer).fill(1);
  await callsRow(bench, source, order);
  await structuresRow(bench, source);
  await domainRow(bench, source);
}

/** Memory to be mapped, and how often: in a slice, and how many slices. */
const sizes = [
  { name: "map4k", c: "map-4k", size: SMALL, pageSize: SMALL, maps: MAPS, slices: SLICES },
  { name: "map2m", c: "map-2m", size: LARGE, pageSize: SMALL, maps: LARGE_MAPS, slices: LARGE_SLICES },
  {
    name: "map2mHuge",
    c: "map-2m-huge",
    size: LARGE,
    pageSize: LARGE,
    maps: LARGE_MAPS,
    slices: LARGE_SLICES,
  },
  { name: "map64m", c: "map-64m", size: VAST, pageSize: SMALL, maps: VAST_MAPS, slices: VAST_SLICES },
] as const;

/** Mapping memory of several sizes and taking it away again. */
export async function mappingRows(bench: Bench, device: PciDevice, order: GuestOrder): Promise<void> {
  const { memory } = device.backendDevice;
  for (const { name, c, size, pageSize, maps, slices } of sizes) {
    const row = rowsOf[order.kernel][name];
    if (!bench.wants(row)) continue;
    // On memory of its own: pages that happen to be neighbours are mapped in a fraction of the time.
    const round = (): number => {
      using source = memory.alloc(size, { pageSize });
      new Uint8Array(source.buffer).fill(1);
      const work = (): void => {
        for (let i = 0; i < maps; i++) device.domain.mapSync(source).unmapSync();
      };
      return quickest(work, maps, slices);
    };
    await bench.row({
      name: row,
      typescript: round,
      c: ["vfio", c, order.spare, ...(order.kernel === "iommufd" ? ["iommufd"] : [])],
      limits,
    });
  }
}

/** The two ioctls from structures that are ready. */
async function callsRow(bench: Bench, source: DmaMemory, { third, spare }: GuestOrder): Promise<void> {
  using container = new RawContainer(third, source);
  const work = (): void => {
    for (let i = 0; i < MAPS; i++) container.mapAndUnmap();
  };
  const typescript = (): number => quickest(work, MAPS, SLICES);
  await bench.row({ name: vmRows.mapCalls, typescript, c: ["vfio", "map-4k", spare] });
}

/** What the container writes into its structures for each call, and reads of them. */
function structuresRow(bench: Bench, source: DmaMemory): Promise<void> {
  const map = new StructRecord(uapi.dmaMap);
  const unmap = new StructRecord(uapi.dmaUnmap);
  const flags = uapi.mapFlag.READ | uapi.mapFlag.WRITE;
  const address = source.address!;
  const iova = toIova(0x1000_0000);
  const work = (): void => {
    for (let i = 0; i < MAPS; i++) {
      map.setU32("flags", flags);
      map.setU64("vaddr", address);
      map.setU64("iova", iova);
      map.setNumber("size", SMALL);
      unmap.setU64("iova", iova);
      unmap.setNumber("size", SMALL);
      sink.number = unmap.getNumber("size");
    }
  };
  return bench.row({ name: vmRows.mapStructures, typescript: () => quickest(work, MAPS, SLICES) });
}

/** Checks, the choice of an address and the table: all but the IOMMU. */
async function domainRow(bench: Bench, source: DmaMemory): Promise<void> {
  using domain = createDomain();
  const attachment = domain.attach(new NoMapper(), "nothing");
  const work = (): void => {
    for (let i = 0; i < MAPS; i++) domain.mapSync(source).unmapSync();
  };
  await bench.row({ name: vmRows.mapDomain, typescript: () => quickest(work, MAPS, SLICES) });
  attachment.detach();
}
