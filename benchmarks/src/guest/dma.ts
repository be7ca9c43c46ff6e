import {
  type DmaMapper,
  type DmaMemory,
  type IommuDomain,
  MAX_IOVA,
  type MapperLimits,
  toIova,
} from "@userpci/interface";
import { createDomain } from "@userpci/iommu";
import type { PciDevice } from "userpci";
import type { Bench, Limit } from "../bench.ts";
import { StructRecord, uapi } from "../internals.ts";
import { sink } from "../rows/registers.ts";
import { quickest } from "../timing.ts";
import type { GuestOrder } from "../vm.ts";
import { vmRows } from "./names.ts";
import { RawContainer } from "./raw-container.ts";

// The same in c/vfio.c.
const MAPS = 20;
const SLICES = 300;
const LARGE_MAPS = 4;
const LARGE_SLICES = 40;

const SMALL = 4096;
const LARGE = 2 ** 21;

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
  const { memory } = device.backendDevice;
  for (const { name, size, c, pageSize } of sizes) {
    using source = memory.alloc(size, { pageSize });
    new Uint8Array(source.buffer).fill(1);
    await mappingRow(bench, name, device.domain, source, c, order);
  }
  using source = memory.alloc(SMALL);
  new Uint8Array(source.buffer).fill(1);
  await callsRow(bench, source, order);
  await structuresRow(bench, source);
  await domainRow(bench, source);
}

const sizes = [
  { name: vmRows.map4k, size: SMALL, c: "map-4k", pageSize: SMALL },
  { name: vmRows.map2m, size: LARGE, c: "map-2m", pageSize: SMALL },
  { name: vmRows.map2mHuge, size: LARGE, c: "map-2m-huge", pageSize: LARGE },
];

function mappingRow(
  bench: Bench,
  name: string,
  domain: IommuDomain,
  source: DmaMemory,
  c: string,
  { spare }: GuestOrder,
): Promise<void> {
  const isSmall = source.size === SMALL;
  const maps = isSmall ? MAPS : LARGE_MAPS;
  const work = (): void => {
    for (let i = 0; i < maps; i++) domain.mapSync(source).unmapSync();
  };
  const typescript = (): number => quickest(work, maps, isSmall ? SLICES : LARGE_SLICES);
  return bench.row({ name, typescript, c: ["vfio", c, spare], limits });
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
