import { PciError } from "@userpci/interface";
import { explainGroup, findFunction, isVfioDriver, readGroup } from "@userpci/sysfs";

/**
 * The IOMMU group that gives access to a function.
 *
 * @param address PCI address, short or full
 * @returns the full address and the group's number
 * @throws PciError `ERR_NO_DEVICE`, `ERR_WRONG_DRIVER`, `ERR_NO_IOMMU`, `ERR_INVALID_ARGUMENT`
 */
export function groupOf(address: string): { address: string; group: number } {
  const found = findFunction(address);
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
  return { address: found.address, group: found.iommuGroup };
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
