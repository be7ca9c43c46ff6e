import { join } from "node:path";
import type {
  FunctionAddress,
  LspciDevice,
  SystemFacts,
  SystemIdentity,
  SystemLink,
  SystemRange,
} from "@userpci/pci-config/lspci";
import type { ModuleAliases } from "@userpci/sysfs/modules";
import {
  readAttribute,
  readBytes,
  readHex,
  readLinkName,
  readLinkPath,
  readNames,
  readNumber,
} from "./attribute.ts";

/** Where Linux keeps its PCI devices. */
export const SYSFS = "/sys/bus/pci";

const name = /^([0-9a-f]{4,8}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$/;

/** What is read of devices beside their configuration space. */
export interface SystemOptions {
  /** Directory of the PCI tree. */
  readonly sysfs?: string | undefined;
  /** Whether to read what only details need: links of CXL, and vital product data, over which a device may take long. */
  readonly details: boolean;
  /** Modules by what they drive, where that is wanted. */
  readonly modules?: ModuleAliases | undefined;
}

/** The PCI functions of the system, as far as this user may read them. */
export function readDevices(options: SystemOptions): readonly LspciDevice[] {
  const { sysfs = SYSFS } = options;
  const slots = readSlots(join(sysfs, "slots"));
  return readNames(join(sysfs, "devices")).flatMap((entry) => {
    const address = addressOf(entry);
    if (!address) return [];
    const path = join(sysfs, "devices", entry);
    const physicalSlot = slots.get(entry.replace(/\.\d$/, "")) ?? slots.get(entry);
    const facts = readFacts(path, options);
    return [
      {
        address,
        bytes: readBytes(join(path, "config")) ?? new Uint8Array(),
        system: physicalSlot === undefined ? facts : { ...facts, physicalSlot },
      },
    ];
  });
}

function addressOf(entry: string): FunctionAddress | undefined {
  const found = name.exec(entry);
  if (!found) return undefined;
  const [domain, bus, device, fn] = found.slice(1).map((digits) => Number.parseInt(digits, 16));
  return { domain: domain!, bus: bus!, device: device!, function: fn! };
}

/** Names of physical slots by the address they are for, with or without a function. */
function readSlots(path: string): ReadonlyMap<string, string> {
  const slots = new Map<string, string>();
  for (const slot of readNames(path)) {
    const address = readAttribute(join(path, slot, "address"))?.trim();
    if (address !== undefined && !slots.has(address)) slots.set(address, slot);
  }
  return slots;
}

function readFacts(path: string, { details, modules }: SystemOptions): SystemFacts {
  const at = (attribute: string) => join(path, attribute);
  const node = readNumber(at("numa_node"));
  const alias = modules && readAttribute(at("modalias"));
  return defined({
    identity: readIdentity(path),
    irq: readNumber(at("irq")),
    messageIrqs: readNames(at("msi_irqs")).flatMap((irq) => (/^\d+$/.test(irq) ? [Number(irq)] : [])),
    ranges: readRanges(readAttribute(at("resource"))),
    numaNode: node === undefined || node < 0 ? undefined : node,
    iommuGroup: readLinkName(at("iommu_group")),
    label: readAttribute(at("label")),
    driver: readLinkName(at("driver")),
    deviceTree: readLinkPath(at("of_node")),
    modules: alias === undefined ? undefined : modules?.find(alias),
    vpd: details ? readBytes(at("vpd")) : undefined,
    restrictedLink: details ? readRestrictedLink(path) : undefined,
  });
}

/** Leaves out what is undefined. */
function defined<T extends object>(values: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}

function readIdentity(path: string): SystemIdentity | undefined {
  const number = (attribute: string) => readNumber(join(path, attribute));
  const [vendor, device, code] = [number("vendor"), number("device"), number("class")];
  if (vendor === undefined || device === undefined || code === undefined) return undefined;
  const [subvendor, subdevice] = [number("subsystem_vendor"), number("subsystem_device")];
  const revision = number("revision");
  return {
    vendor,
    device,
    classCode: code >>> 8,
    programmingInterface: code & 0xff,
    ...(revision === undefined ? {} : { revision }),
    ...(subvendor === undefined || subdevice === undefined ? {} : subsystem(subvendor, subdevice)),
  };
}

/** The link that the kernel shows of a restricted CXL device (`drivers/cxl/pci.c`). */
function readRestrictedLink(path: string): SystemLink | undefined {
  const capabilities = readHex(join(path, "rcd_link_cap"));
  if (capabilities === undefined) return undefined;
  const [control = 0, status = 0] = ["rcd_link_ctrl", "rcd_link_status"].map((name) =>
    readHex(join(path, name)),
  );
  return { capabilities, control, status };
}

function subsystem(subvendor: number, subdevice: number): Pick<SystemIdentity, "subsystem"> {
  return { subsystem: { subvendor, subdevice } };
}

/** Lines of the function itself: six BARs and the ROM. */
const OWN = 7;
/** Lines of a bridge's windows, which come last, and of virtual functions, which a kernel may leave out. */
const WINDOWS = 4;
const VIRTUAL = 6;

/** The ranges in the text of `resource`: those of the function, then a bridge's windows where there are any. */
function readRanges(text: string | undefined): readonly SystemRange[] | undefined {
  if (text === undefined) return undefined;
  const lines = text.split("\n").filter((line) => line !== "");
  const ranges = lines.map(parseRange);
  const windows = lines.length === OWN + WINDOWS || lines.length === OWN + VIRTUAL + WINDOWS;
  return [...ranges.slice(0, OWN), ...(windows ? ranges.slice(-WINDOWS) : [])];
}

function parseRange(line: string): SystemRange {
  const [start = 0n, end = 0n, flags = 0n] = line.split(" ").map((part) => BigInt(part));
  // A range of one byte has no size to lspci.
  const size = end > start ? end - start + 1n : 0n;
  return { address: start, size, flags: Number(BigInt.asUintN(32, flags)) };
}
