import { join } from "node:path";
import { PciAddress } from "./address.ts";
import { functionPath } from "./function.ts";
import { checkTreeOptions } from "./options.ts";
import { oneLine, readNames, type TreeOptions } from "./tree.ts";

/** Directories below a function in which its driver puts what programs know it by. */
const classes = ["net", "nvme", "block", "infiniband", "drm", "sound", "ptp", "tty", "graphics"] as const;

/** Devices on buses of their own between a function and what programs know. */
const between = /^(virtio|ata|host|target|usb|nvme)\d|^\d+:\d+:\d+:\d+$/;

/** A disk of an NVMe controller, whose directory lies in the controller's. */
const disk = /^nvme\d+n\d+$/;

/** Steps down that are looked at: controller, host, target, disk. */
const DEPTH = 5;

/**
 * What programs know a function by: network interfaces, disks, cards, such as `eth0` or `nvme0n1`. Empty without a driver.
 *
 * @param address such as `0000:00:04.0` or `00:04.0`
 * @throws PciError `ERR_INVALID_ARGUMENT` for what is no address
 */
export function readInterfaces(address: string, options: TreeOptions = {}): string[] {
  checkTreeOptions(options);
  const found = new Set<string>();
  const look = (folder: string, depth: number): void => {
    for (const name of readNames(folder)) {
      if (disk.test(name)) found.add(name);
      const isClass = (classes as readonly string[]).includes(name);
      if (isClass) for (const one of readNames(join(folder, name))) found.add(one);
      // A controller has its disks below it: nvme/nvme0/nvme0n1.
      if (depth > 0 && (isClass || between.test(name))) look(join(folder, name), depth - 1);
    }
  };
  look(functionPath(PciAddress.parse(address).toString(), options), DEPTH);
  return [...found].map(oneLine).sort();
}
