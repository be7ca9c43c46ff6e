// The direction of dependency, as data. `checks/imports.mjs` refuses whatever is not in this table.
// The private workspaces are not in it: they may import every package.

/**
 * @typedef {object} Layer
 * @property {number | "test"} floor imports point to a lower floor, or to a listed package of the same one
 * @property {readonly string[]} imports packages of ours, by folder name
 * @property {readonly string[]} [external] packages of others that it may need at run time
 * @property {boolean} [pure] no Node built-in: it runs in a browser
 */

const floor0 = ["interface"];
const floor1 = ["sysfs", "iommu", "pci-config", "irq", "dma", "vfio-native", "device-model", "vfio-user"];
const drivers = ["edu", "nvme", "nic", "igbvf"];

/** @type {Readonly<Record<string, Layer>>} */
export const architecture = {
  interface: { floor: 0, imports: [], pure: true },
  sysfs: { floor: 1, imports: ["interface"] },
  iommu: { floor: 1, imports: ["interface"], pure: true },
  "pci-config": { floor: 1, imports: ["interface"], pure: true },
  irq: { floor: 1, imports: ["interface"], pure: true },
  dma: { floor: 1, imports: ["interface", "iommu"], pure: true },
  "vfio-native": { floor: 1, imports: ["interface", "iommu", "sysfs"], external: ["node-gyp-build"] },
  "device-model": { floor: 1, imports: ["interface", "pci-config", "iommu"], pure: true },
  "vfio-user": { floor: 1, imports: ["interface", "iommu", "vfio-native", "device-model"] },
  userpci: { floor: 2, imports: [...floor0, ...floor1] },
  edu: { floor: 3, imports: ["userpci", "device-model", "interface"] },
  nvme: { floor: 3, imports: ["userpci", "device-model", "interface"] },
  nic: { floor: 3, imports: ["userpci", "device-model", "interface"] },
  igbvf: { floor: 3, imports: ["userpci", "device-model", "interface"] },
  broker: { floor: 3, imports: ["userpci", "vfio-user", "pci-config"] },
  cli: {
    floor: 3,
    imports: [...floor0, ...floor1, "userpci", ...drivers, "broker", "testbed"],
    external: ["commander"],
  },
  conformance: { floor: "test", imports: ["interface"] },
  testbed: { floor: "test", imports: [] },
};
