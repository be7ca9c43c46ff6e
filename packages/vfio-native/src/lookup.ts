import { readFileSync } from "node:fs";
import { DeviceGoneError, isPciError, PciError } from "@userpci/interface";
import { explainGroup, findFunction, isVfioDriver, type PciFunction, readGroup } from "@userpci/sysfs";
import { systemError } from "./errno.ts";

/** Where the kernel gives access to a function. */
export interface Place {
  /** Its full address. */
  readonly address: string;
  /** Number of its IOMMU group. */
  readonly group: number;
  /** Name of its device node below `/dev/vfio/devices`; null where the kernel makes none. */
  readonly node: string | null;
}

/**
 * Where the kernel gives access to a function.
 *
 * @param address PCI address, short or full
 * @throws PciError `ERR_NO_DEVICE`, `ERR_WRONG_DRIVER`, `ERR_NO_IOMMU`, `ERR_DEVICE_GONE`, `ERR_INVALID_ARGUMENT`
 */
export function placeOf(address: string): Place {
  const found = findFunction(address);
  try {
    return placeOn(found);
  } catch (error) {
    throw goneInstead(found.address, error);
  }
}

/**
 * What to say of a function that was found and could not be opened: that it has gone meanwhile, if it has, whatever the
 * kernel said of what was left of it.
 *
 * @returns the error to throw
 */
export function goneInstead(address: string, error: unknown): unknown {
  try {
    findFunction(address);
    return error;
  } catch (missing) {
    if (!isPciError(missing, "ERR_NO_DEVICE")) return error;
    return new DeviceGoneError(`${address} has gone while it was being opened`, {
      hint: "it was unplugged or removed: open it again when it is back",
      cause: error,
    });
  }
}

function placeOn(found: PciFunction): Place {
  if (found.iommuGroup === null) {
    throw new PciError("ERR_NO_IOMMU", `${found.address} is in no IOMMU group`, {
      hint: "turn the IOMMU on in the firmware (VT-d, AMD-Vi); with Intel also boot with intel_iommu=on",
    });
  }
  if (!isVfioDriver(found.driver)) {
    const bound = found.driver === null ? "to no driver" : `to ${found.driver}`;
    throw new PciError("ERR_WRONG_DRIVER", `${found.address} is bound ${bound}, not to vfio-pci`, {
      hint: `sudo userpci bind ${found.address} --user $(id -un)`,
      details: { driver: found.driver },
    });
  }
  if (readGroup(found.iommuGroup).noIommu) {
    throw new PciError(
      "ERR_NO_IOMMU",
      `${found.address} is bound in no-IOMMU mode, where DMA is not contained`,
      {
        hint: "turn the IOMMU on; this backend does not drive devices without one",
      },
    );
  }
  return { address: found.address, group: found.iommuGroup, node: found.vfioDevice };
}

/** Why a group is not viable, with each member that blocks it and the commands that free it (row R2). */
export function notViableError(group: number): PciError {
  return (
    explainGroup(readGroup(group)) ??
    new PciError("ERR_GROUP_NOT_VIABLE", `the kernel says that group ${group} is not viable`, {
      hint: "userpci list --group shows its members and their drivers",
    })
  );
}

/** Lets devices be used where the IOMMU does not remap interrupts; read at each use. */
const ALLOW_UNSAFE = "/sys/module/iommufd/parameters/allow_unsafe_interrupts";

/**
 * Why iommufd does not get the DMA of a group (EPERM): it belongs to a kernel driver or to another iommufd, or interrupts
 * are not remapped. See `iommufd_device_bind` in `drivers/iommu/iommufd/device.c`.
 */
export function dmaOwnerError(result: number, syscall: string, address: string, group: number): PciError {
  const found = readGroup(group);
  const blocked = explainGroup(found);
  if (blocked !== null) return blocked;
  if (found.members.length === 1 && !unsafeInterruptsAllowed()) {
    return systemError(result, syscall, {
      code: "ERR_NO_IOMMU",
      message: "the IOMMU does not remap interrupts, so a device could forge them",
      hint: `enable interrupt remapping in the firmware; only if you trust the device: echo Y > ${ALLOW_UNSAFE}`,
    });
  }
  return systemError(result, syscall, {
    code: "ERR_GROUP_BUSY",
    message: `group ${group} of ${address} is used by another process or backend`,
    hint: "open all devices of a group with the same backend",
  });
}

function unsafeInterruptsAllowed(): boolean {
  try {
    return readFileSync(ALLOW_UNSAFE, "utf8").startsWith("Y");
  } catch {
    return false;
  }
}
