import { expect, test } from "vitest";
import { loadOrder, moduleName, parseModulesDep } from "./modules.ts";

const DEP = `kernel/fs/netfs/netfs.ko.xz:
kernel/net/9p/9pnet.ko.xz:
kernel/fs/9p/9p.ko.xz: kernel/net/9p/9pnet.ko.xz kernel/fs/netfs/netfs.ko.xz
kernel/drivers/vfio/vfio.ko.xz:
kernel/drivers/vfio/pci/vfio-pci-core.ko.xz: kernel/drivers/vfio/vfio.ko.xz
kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/drivers/vfio/pci/vfio-pci-core.ko.xz kernel/drivers/vfio/vfio.ko.xz
`;

test("every module comes after what it needs, once", () => {
  const order = loadOrder(parseModulesDep(DEP), ["9p", "vfio-pci", "vfio_pci"]).map(moduleName);
  expect(order).toEqual(["netfs", "9pnet", "9p", "vfio", "vfio_pci_core", "vfio_pci"]);
});

test("what the kernel has built in is left out", () => {
  expect(loadOrder(parseModulesDep(DEP), ["virtio_console", "netfs"])).toEqual([
    "kernel/fs/netfs/netfs.ko.xz",
  ]);
});

test("names ignore folder, compression and dashes", () => {
  expect(moduleName("kernel/drivers/vfio/pci/vfio-pci-core.ko.zst")).toBe("vfio_pci_core");
  expect(moduleName("a/b.ko")).toBe("b");
});
