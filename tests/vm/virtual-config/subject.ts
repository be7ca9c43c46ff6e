import { type Region, regionIndex } from "@userpci/interface";
import { bytesRegion, type ConfigMap, configOf, readBytes } from "@userpci/pci-config";
import {
  type BarShape,
  linux,
  VirtualConfigSpace,
  type VirtualDevice,
  virtualFunctionIds,
} from "@userpci/pci-config/virtual";
import { ConfigFile, findFunction, type PciResource } from "@userpci/sysfs";
import { vfioGroup } from "@userpci/vfio-native";

const ROM = 6;

/** A function seen three ways at once: as it is, as the kernel shows it, and as we do. */
export interface Subject extends Disposable {
  readonly address: string;
  /** The function's own config space, through sysfs. */
  readonly raw: Region;
  /** What the kernel's VFIO shows of it. */
  readonly kernel: Region;
  /** What our tables show of it. Writes go to the function itself. */
  readonly ours: VirtualConfigSpace;
  /** Who owns each byte of that. */
  readonly owners: ConfigMap;
  /** The same over a copy of the bytes, taken before anything was written. */
  readonly copy: VirtualConfigSpace;
}

/** Opens a function that is bound to vfio-pci. Must run as root. */
export function openSubject(address: string): Subject {
  forgetVectors(address);
  const backend = vfioGroup();
  const device = backend.openSync(address);
  const raw = new ConfigFile(address, { writable: true });
  // A reset is left out of ours: the kernel does it in its turn, after which the function must be as it was.
  const facts = factsOf(address);
  const bytes = readBytes(raw, 0, raw.size);
  const ours = new VirtualConfigSpace(linux, { region: raw, ...facts });
  return {
    address,
    raw,
    kernel: device.region(regionIndex.config),
    ours,
    owners: ours.map(),
    copy: new VirtualConfigSpace(linux, { region: bytesRegion(bytes), ...facts }),
    [Symbol.dispose]() {
      raw.close();
      backend.closeSync();
    },
  };
}

/**
 * The kernel remembers until the function is bound anew for how many MSI vectors it was last used (`msi_qmax` in
 * `vfio_msi_enable`), and limits what is written to Message Control by that. One is what it begins with.
 */
function forgetVectors(address: string): void {
  using backend = vfioGroup();
  using device = backend.openSync(address);
  if (device.irqInfo("msi").count === 0) return;
  using target = device.createIrqTarget();
  device.setIrqs("msi", 0, [target]);
  device.disableIrqs("msi");
}

/** What the system knows of a function beside its config space. */
function factsOf(address: string): Pick<VirtualDevice, "bars" | "romSize" | "virtualFunction"> {
  const { resources, physicalFunction } = findFunction(address);
  const bars: BarShape[] = [];
  for (const resource of resources) if (resource.index < ROM) bars[resource.index] = shapeOf(resource);
  const romSize = resources.find(({ index }) => index === ROM)?.size ?? 0;
  if (physicalFunction === null) return { bars, romSize };
  using config = new ConfigFile(physicalFunction);
  return { bars, romSize, virtualFunction: virtualFunctionIds(configOf(config)) };
}

function shapeOf({ space, wide, prefetchable, size }: PciResource): BarShape {
  const kind = space === "io" ? "io" : wide ? "memory64" : "memory32";
  return { kind, prefetchable, size };
}
