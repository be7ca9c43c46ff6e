import { type HotResetDependent, PciError, resetHints } from "@userpci/interface";
import { listFunctions } from "@userpci/sysfs";
import { capabilityRecords } from "./capability-chain.ts";
import type { DeviceAccess } from "./device-access.ts";
import { systemError } from "./errno.ts";
import { failedWith } from "./ioctl.ts";
import * as uapi from "./uapi/vfio.ts";

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");

/** More functions than a bus can have. */
const MOST_DEPENDENTS = 4096;

/** A function that a hot reset would hit. */
export interface Dependent extends HotResetDependent {
  /** Whether this process's iommufd has it; never true of a device that was opened through its group. */
  readonly owned: boolean;
}

/**
 * The functions that a reset of the bus or slot would hit (`VFIO_DEVICE_GET_PCI_HOT_RESET_INFO`).
 *
 * @throws PciError `ERR_NOT_SUPPORTED` if the function's bus and slot cannot be reset
 */
export function hotResetDependents(access: DeviceAccess): Dependent[] {
  let { result, bytes } = ask(access, 0);
  if (failedWith(result, "ENOSPC")) {
    ({ result, bytes } = ask(access, Math.min(uapi.hotResetInfo.read(bytes).count, MOST_DEPENDENTS)));
  }
  if (result < 0) {
    throw systemError(result, "ioctl VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", {
      ...(failedWith(result, "ENODEV") && { code: "ERR_NOT_SUPPORTED" }),
      message: `${access.address} has no bus or slot that can be reset`,
      hint: resetHints.bus,
    });
  }
  const { count, flags } = uapi.hotResetInfo.read(bytes);
  const groups = (flags & uapi.hotResetFlag.DEV_ID) === 0 ? undefined : groupNumbers();
  return capabilityRecords(bytes, uapi.hotResetInfo.size, count, uapi.dependentDevice).map((found) => {
    const { segment, bus, devfn, group_id } = found;
    const address = `${hex(segment, 4)}:${hex(bus, 2)}:${hex(devfn >> 3, 2)}.${devfn & 7}`;
    if (groups === undefined) return { address, group: group_id, owned: false };
    // In an iommufd the kernel names functions by their ids. One without a group has just gone.
    return { address, group: groups.get(address) ?? -1, owned: group_id !== uapi.HOT_RESET_NOT_OWNED };
  });
}

/** Whether the function's bus or slot can be reset at all. */
export function hotResetPossible(access: DeviceAccess): boolean {
  return !failedWith(ask(access, 0).result, "ENODEV");
}

function ask({ native, fd }: DeviceAccess, records: number): { result: number; bytes: Uint8Array } {
  const room = records * uapi.dependentDevice.size;
  const bytes = uapi.hotResetInfo.pack({ argsz: uapi.hotResetInfo.size + room }, room);
  return { result: native.ioctl(fd, uapi.request.DEVICE_GET_PCI_HOT_RESET_INFO, bytes), bytes };
}

/** The IOMMU group of each function that is in one, by its address. */
function groupNumbers(): ReadonlyMap<string, number> {
  return new Map(
    listFunctions().flatMap((fn) => (fn.iommuGroup === null ? [] : [[fn.address, fn.iommuGroup]])),
  );
}

/** What a backend has open. */
export interface OpenFunctions {
  /** Descriptor of an open IOMMU group by number; left out where the kernel knows by the iommufd what this process owns. */
  readonly groupFd?: (group: number) => number | undefined;
  /** Access to a function that is open, by its address. */
  readonly accessOf: (address: string) => DeviceAccess | undefined;
}

/**
 * The argument of `VFIO_DEVICE_PCI_HOT_RESET`: a descriptor of every affected group as proof of owning it, or no descriptor
 * when the kernel knows by the iommufd what this process owns.
 *
 * @throws PciError `ERR_GROUP_BUSY` naming the functions that are not open here, `ERR_NOT_SUPPORTED` if being open does not help
 */
export function hotResetArgument(access: DeviceAccess, { groupFd, accessOf }: OpenFunctions): Uint8Array {
  const dependents = hotResetDependents(access);
  const missing = dependents.filter(({ group, owned }) => !owned && groupFd?.(group) === undefined);
  if (missing.length > 0) {
    if (missing.every(({ address }) => accessOf(address) !== undefined)) {
      const { message, hint } = apart(dependents);
      throw new PciError("ERR_NOT_SUPPORTED", message, { hint });
    }
    const names = missing.map(({ address, group }) => `${address} (group ${group})`).join(", ");
    throw new PciError("ERR_GROUP_BUSY", `a hot reset of ${access.address} would also hit ${names}`, {
      hint: "bind these functions to vfio-pci and open them with the same backend first",
      details: { missing },
    });
  }
  const groups = groupFd === undefined ? [] : [...new Set(dependents.map(({ group }) => group))];
  const fds = new Uint8Array(Int32Array.from(groups, (group) => groupFd!(group)!).buffer);
  const argsz = uapi.hotReset.size + fds.length;
  const bytes = uapi.hotReset.pack({ argsz, count: groups.length }, fds.length);
  bytes.set(fds, uapi.hotReset.size);
  return bytes;
}

/**
 * Why the kernel resets nothing at the moment (EAGAIN): something else has locked the function, such as an unbind or removal,
 * which waits for its user with the lock (`pci_try_reset_function` in `drivers/pci/pci.c`).
 */
export function resetHeldBack(result: number, syscall: string, address: string): PciError {
  return systemError(result, syscall, {
    code: "ERR_BUSY",
    message: `${address} cannot be reset now: the system is taking it or a neighbour away, or is resetting it itself`,
    hint: "close the device if the system wants it back (device.onRelease tells); otherwise try again",
  });
}

/** Turns the result of the hot reset into an error, if it is one. */
export function hotResetError(access: DeviceAccess, result: number): PciError {
  if (failedWith(result, "EAGAIN"))
    return resetHeldBack(result, "ioctl VFIO_DEVICE_PCI_HOT_RESET", access.address);
  // Virtual functions never count as one set with their physical one (`vfio_pci_dev_set_resettable`), so no group helps.
  if (failedWith(result, "EINVAL")) {
    return systemError(result, "ioctl VFIO_DEVICE_PCI_HOT_RESET", {
      code: "ERR_NOT_SUPPORTED",
      ...apart(hotResetDependents(access)),
    });
  }
  return systemError(result, "ioctl VFIO_DEVICE_PCI_HOT_RESET", {
    message: `the bus or slot of ${access.address} could not be reset`,
    hint: "the kernel log (dmesg) says which port did not bring its link back",
  });
}

/** For functions that never count as one set, though one reset hits them all. */
function apart(dependents: readonly Dependent[]): { message: string; hint: string } {
  const names = dependents.map(({ address }) => address).join(", ");
  return {
    message: `the kernel does not reset a bus or slot with these functions on it: ${names}`,
    hint: "if some are virtual functions, take them away first: sudo userpci vf destroy ADDRESS",
  };
}
