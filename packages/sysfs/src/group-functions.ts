import { PciError } from "@userpci/interface";
import { PciAddress } from "./address.ts";
import { findFunction } from "./find.ts";
import type { PciFunction } from "./function.ts";
import { readGroup } from "./group.ts";
import type { TreeOptions } from "./tree.ts";

/**
 * A function, and the members of its IOMMU group that keep user space out of it, by ascending address.
 *
 * @throws PciError `ERR_BIND_REFUSED` for such a member that is no PCI function
 */
export function groupFunctions(fn: PciFunction, options: TreeOptions): PciFunction[] {
  const { number, members } = readGroup(fn.iommuGroup!, options);
  const wanted = members.filter(({ address, blocks }) => blocks || address === fn.address);
  const foreign = wanted.find(({ address }) => PciAddress.tryParse(address) === null);
  if (foreign !== undefined) {
    const message = `${foreign.address} (${foreign.driver}) of the IOMMU group ${number} is no PCI function, so vfio-pci cannot take it`;
    const path = `/sys/kernel/iommu_groups/${number}/devices/${foreign.address}/driver/unbind`;
    throw new PciError("ERR_BIND_REFUSED", message, {
      hint: `if it can be spared, take its driver away: echo ${foreign.address} | sudo tee ${path}`,
      details: { address: foreign.address },
    });
  }
  return wanted
    .map(({ address }) => PciAddress.parse(address))
    .sort(PciAddress.compare)
    .map((address) => findFunction(address.toString(), options));
}
