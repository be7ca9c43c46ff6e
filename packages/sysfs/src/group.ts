import { join } from "node:path";
import { type IovaRange, PciError } from "@userpci/interface";
import { PciAddress } from "./address.ts";
import { isBridge, isPlatformBridge } from "./function.ts";
import { checkGroup, checkTreeOptions } from "./options.ts";
import {
  oneLine,
  pathIn,
  readAttribute,
  readLinkName,
  readNames,
  readText,
  type TreeOptions,
} from "./tree.ts";

/** A device of an IOMMU group, and whether it keeps user space out of the group. */
export interface GroupMember {
  /** PCI address; the kernel's device name for what is not a PCI function. */
  readonly address: string;
  readonly driver: string | null;
  /** PCI class code, 24 bits; null for what is not a PCI function. */
  readonly classCode: number | null;
  /** Whether the group is not viable because of this member. */
  readonly blocks: boolean;
  /** Why it blocks or does not, in words. */
  readonly why: string;
}

/** An address range that the IOMMU or the platform keeps, such as the MSI window. */
export interface ReservedRegion extends IovaRange {
  /** As the kernel calls it: `msi`, `direct`, `direct-relaxable`, `reserved`. */
  readonly type: string;
}

/** The devices that the IOMMU cannot tell apart, and which are therefore used together or not at all. */
export interface IommuGroup {
  readonly number: number;
  /** The kernel's default domain for the group, such as `DMA-FQ` or `identity`; null if the kernel does not say. */
  readonly type: string | null;
  /** Whether it is a stand-in made by no-IOMMU mode: DMA is then not contained. */
  readonly noIommu: boolean;
  readonly members: readonly GroupMember[];
  readonly reserved: readonly ReservedRegion[];
  /** Whether user space may own the group: no member blocks. */
  readonly viable: boolean;
}

/** Directory with a directory per IOMMU group. */
const GROUPS = "/sys/kernel/iommu_groups";

/**
 * The system's IOMMU groups, by number; empty without an IOMMU.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for options of another type
 */
export function listGroups(options: TreeOptions = {}): IommuGroup[] {
  checkTreeOptions(options);
  const numbers = readNames(pathIn(options, GROUPS)).map(Number).filter(Number.isSafeInteger);
  // A group goes with its last member, also between the listing and here.
  return numbers.sort((a, b) => a - b).flatMap((number) => groupAt(number, options) ?? []);
}

/**
 * An IOMMU group with its members and their drivers.
 *
 * @throws PciError `ERR_NO_IOMMU` if there is no such group, `ERR_INVALID_ARGUMENT` and `ERR_OUT_OF_RANGE` for what is no number of one
 */
export function readGroup(number: number, options: TreeOptions = {}): IommuGroup {
  checkTreeOptions(options);
  checkGroup(number);
  const group = groupAt(number, options);
  if (group !== null) return group;
  throw new PciError("ERR_NO_IOMMU", `there is no IOMMU group ${number}`, {
    hint: "`userpci list` shows the group of each function",
    path: groupPath(number, options),
  });
}

function groupPath(number: number, options: TreeOptions): string {
  return pathIn(options, join(GROUPS, String(number)));
}

function groupAt(number: number, options: TreeOptions): IommuGroup | null {
  const path = groupPath(number, options);
  const names = readNames(join(path, "devices"));
  if (names.length === 0) return null;
  const members = names.map((name) => readMember(join(path, "devices", name), name));
  return {
    number,
    type: readAttribute(join(path, "type")),
    noIommu: readText(join(path, "name")) === "vfio-noiommu",
    members,
    reserved: parseReserved(readText(join(path, "reserved_regions")) ?? ""),
    viable: !members.some((member) => member.blocks),
  };
}

/**
 * Why user space may not own a group: the error to throw, with every member, the ones that block and the commands that
 * free them (row R2). Null if the group is viable.
 */
export function explainGroup(group: IommuGroup): PciError | null {
  if (group.viable) return null;
  const blockers = group.members.filter((member) => member.blocks);
  const fix = blockers.map(freeingCommand);
  const named = blockers.map(({ address, driver }) => `${address} (${driver})`).join(", ");
  return new PciError(
    "ERR_GROUP_NOT_VIABLE",
    `IOMMU group ${group.number} is not viable: ${named} ${blockers.length === 1 ? "is" : "are"} still bound to a kernel driver`,
    {
      hint: `${fix.join("\n")}\n(the members of a group can reach each other without the IOMMU, so all leave their kernel drivers)`,
      details: { group: group.number, members: group.members, blockers, fix },
    },
  );
}

/** The command that takes a member from its driver, so that it does not block the group. */
export function freeingCommand({ address, driver, classCode }: GroupMember): string {
  if (PciAddress.tryParse(address) === null)
    return `echo ${address} | sudo tee /sys/kernel/iommu_groups/*/devices/${address}/driver/unbind  # ${driver}`;
  return classCode !== null && isPlatformBridge(classCode)
    ? `${releaseCommand(address)}  # a bridge: without a driver it does not block`
    : `sudo userpci bind ${address}  # takes it from ${driver}`;
}

/** The command that takes a PCI function from its driver and gives it to none. */
export function releaseCommand(address: string): string {
  // By the function: a driver's name may have spaces, and what else a shell minds.
  return `echo ${address} | sudo tee /sys/bus/pci/devices/${address}/driver/unbind`;
}

function readMember(path: string, name: string): GroupMember {
  const driver = readLinkName(join(path, "driver"));
  const classText = PciAddress.tryParse(name) === null ? null : readText(join(path, "class"));
  const classCode = classText === null ? null : Number(classText);
  return { address: oneLine(name), driver, classCode, ...judge(driver, classCode) };
}

/**
 * The kernel's rule: a bound driver claims the group for the kernel's DMA API unless it declares `driver_managed_dma`,
 * which the VFIO drivers, pci-stub and the PCIe port driver do (`pci_dma_configure` in `drivers/pci/pci-driver.c`,
 * Linux 5.19 and later; earlier, `vfio_dev_viable` decided the same way for these).
 */
function judge(driver: string | null, classCode: number | null): { blocks: boolean; why: string } {
  const bridge = classCode !== null && isBridge(classCode);
  if (driver === null) {
    return { blocks: false, why: bridge ? "a bridge, without a driver" : "no driver" };
  }
  if (isVfioDriver(driver)) return { blocks: false, why: "bound to a VFIO driver" };
  if (driver === "pci-stub") return { blocks: false, why: "parked on pci-stub" };
  if (driver === "pcieport") return { blocks: false, why: "a bridge; its port driver does no DMA" };
  return { blocks: true, why: `${driver} uses the group for the kernel's own DMA` };
}

/** Whether a driver hands its functions to user space: vfio-pci or one of its variants, such as mlx5_vfio_pci. */
export function isVfioDriver(name: string | null): boolean {
  return name !== null && /(^|[-_])vfio[-_](pci|platform|cdx|fsl[-_]mc|amba|ap|ccw)$/.test(name);
}

// Lines such as "0x00000000fee00000 0x00000000feefffff msi" (iommu_group_show_resv_regions).
function parseReserved(text: string): ReservedRegion[] {
  return text.split("\n").flatMap((line) => {
    const match = /^(0x[0-9a-f]{1,16}) (0x[0-9a-f]{1,16}) (\S+)$/i.exec(line.trim());
    return match === null ? [] : { start: BigInt(match[1]!), last: BigInt(match[2]!), type: match[3]! };
  });
}
