import type { MappableMemory } from "@userpci/device-model";
import { type IrqInfo, type IrqKind, irqKinds, type RegionArea, type RegionInfo } from "@userpci/interface";
import { decodeRequest, encodeRegionInfo, regionInfoSize, structures } from "../../protocol/index.ts";
import { refusal } from "../descriptors.ts";
import type { CommandContext, CommandHandler } from "./context.ts";

const { deviceFlag, deviceInfo, irqFlag, irqInfo, regionIoFds } = structures;

/** Bytes that the kernel's structure has behind the protocol's: `cap_offset` and padding. */
const KERNEL_TAIL = 8;

/** DEVICE_GET_INFO. A client that sends more of the kernel's structure (early ones in Rust do) waits for as much. */
export const getInfo: CommandHandler = ({ fn }, body) => {
  const { values, tail } = decodeRequest("deviceGetInfo", body);
  checkRoom(values.argsz, deviceInfo.size);
  const flags = deviceFlag.PCI | (fn.info.resettable ? deviceFlag.RESET : 0);
  const { regions, irqs } = fn.info;
  const argsz = deviceInfo.size;
  const info = { argsz, flags, num_regions: regions, num_irqs: irqs };
  return { payload: deviceInfo.pack(info, Math.min(tail.length, KERNEL_TAIL)) };
};

/** DEVICE_GET_REGION_INFO. */
export const getRegionInfo: CommandHandler = (context, body) => {
  const { argsz, index } = decodeRequest("regionGetInfo", body).values;
  checkRoom(argsz, structures.regionInfo.size);
  const info = regionOf(context, index);
  const shared = context.takesDescriptors ? sharedFile(context.fn.mappable(index)) : undefined;
  const areas = shared?.areas ?? [];
  const { size, readable, writable } = info;
  const payload = encodeRegionInfo(
    { index, size: BigInt(size), readable, writable, offset: shared?.offset ?? 0n, areas },
    argsz,
  );
  if (shared === undefined || argsz < regionInfoSize(areas.length)) return { payload };
  context.mapped();
  return { payload, fds: [shared.fd] };
};

/** DEVICE_GET_REGION_IO_FDS: no model has doorbells that an eventfd could stand for, which is a count of 0. */
export const getRegionIoFds: CommandHandler = (context, body) => {
  const { argsz, flags, index, count } = decodeRequest("regionGetIoFds", body).values;
  checkRoom(argsz, regionIoFds.size);
  if (flags !== 0 || count !== 0) throw refusal("EINVAL", "REGION_GET_IO_FDS with flags, or with a count");
  regionOf(context, index);
  return { payload: regionIoFds.pack({ argsz: regionIoFds.size, flags: 0, index, count: 0 }) };
};

/** DEVICE_GET_IRQ_INFO. */
export const getIrqInfo: CommandHandler = ({ fn }, body) => {
  const { argsz, index } = decodeRequest("irqGetInfo", body).values;
  checkRoom(argsz, irqInfo.size);
  const info = fn.irqInfo(irqKindOf(fn.info.irqs, index));
  return { payload: irqInfo.pack({ argsz: irqInfo.size, flags: irqFlags(info), index, count: info.count }) };
};

/** DEVICE_RESET. */
export const reset: CommandHandler = ({ fn, migration }, body) => {
  decodeRequest("deviceReset", body);
  fn.reset();
  migration.deviceReset();
  return undefined;
};

/** The kind of interrupt with a number. @throws PciError `EINVAL` */
export function irqKindOf(count: number, index: number): IrqKind {
  const kind = index < count ? irqKinds[index] : undefined;
  if (kind !== undefined) return kind;
  throw refusal("EINVAL", `interrupt index ${index}, and there are ${count}`);
}

function regionOf({ regions }: CommandContext, index: number): RegionInfo {
  const region = regions[index];
  if (region !== undefined) return region;
  throw refusal("EINVAL", `region ${index}, and there are ${regions.length}`);
}

/** @throws PciError `EINVAL` if the answer does not fit */
function checkRoom(argsz: number, size: number): void {
  if (argsz < size) throw refusal("EINVAL", `argsz ${argsz}, and the answer has ${size} bytes`);
}

function irqFlags({ maskable, autoMasked, resizable }: IrqInfo): number {
  return (
    irqFlag.EVENTFD |
    (maskable ? irqFlag.MASKABLE : 0) |
    (autoMasked ? irqFlag.AUTOMASKED : 0) |
    (resizable ? 0 : irqFlag.NORESIZE)
  );
}

/** The file behind a region, as the protocol can say it. */
interface SharedFile {
  readonly fd: number;
  /** Where in the file the region begins. */
  readonly offset: bigint;
  readonly areas: readonly RegionArea[];
}

/**
 * The protocol has one descriptor a region, in which an area is at the region's offset and its own. So of the memories of a
 * region those can be offered that lie in one file as they lie in the region.
 */
function sharedFile(memories: readonly MappableMemory[]): SharedFile | undefined {
  const placed = memories.flatMap(({ offset, size, memory: { file } }) => {
    const start = (file?.offset ?? 0) - offset;
    return file === undefined || start < 0 ? [] : [{ fd: file.fd, start, area: { offset, size } }];
  });
  const [first] = placed;
  if (first === undefined) return undefined;
  const areas = placed.filter(({ fd, start }) => fd === first.fd && start === first.start);
  return { fd: first.fd, offset: BigInt(first.start), areas: areas.map(({ area }) => area) };
}
