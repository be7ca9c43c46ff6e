import { type OwnedRegion, PciError, type RegionArea } from "@userpci/interface";
import {
  findFunction,
  isVfioDriver,
  type PciFunction,
  type PciResource,
  type TreeOptions,
} from "@userpci/sysfs";
import { DeviceAccess } from "./device-access.ts";
import { mapDeviceWindow } from "./device-window.ts";
import { errnoName, systemError } from "./errno.ts";
import { JoinedRegion } from "./joined-region.ts";
import type { MappedWindow } from "./mapped-region.ts";
import { loadNative, type Native } from "./native.ts";
import { PartRegion } from "./part-region.ts";
import { PreadRegion } from "./pread-region.ts";

/** How {@link openResource} opens a BAR. */
export interface ResourceOptions extends TreeOptions {
  /** Whether it is to be written too. Default false: writes fail. */
  readonly writable?: boolean;
}

/** A window longer than this is split: it is what every engine can address with one typed array. */
const LARGEST_WINDOW = 2 ** 30;

/**
 * A BAR through sysfs (`resource0` to `resource5`, `pci_mmap_resource` and `pci_read_resource_io` in the kernel's
 * `drivers/pci/pci-sysfs.c`): for a function that is not bound to VFIO, as root. Memory is mapped and guarded as a VFIO device's;
 * I/O ports go by system calls. Nothing keeps a kernel driver of the function from using it meanwhile, and the function is
 * neither reset nor switched on: memory decode is to be on (bit 1 of the command register).
 *
 * @param address of the function, such as `0000:00:04.0`
 * @param index 0 to 5
 * @throws PciError `ERR_NO_DEVICE`, `ERR_NOT_SUPPORTED` for a BAR that it has not or that has no file, `ERR_PERMISSION` for anybody but root, and where the
 * kernel is locked down, `ERR_BUSY` while its driver keeps the BAR to itself, `ERR_NATIVE_UNAVAILABLE`, or a system error
 */
export function openResource(address: string, index: number, options: ResourceOptions = {}): OwnedRegion {
  const fn = findFunction(address, options);
  const resource = fn.resources.find((each) => each.index === index);
  if (resource === undefined || index > 5) throw missing(fn, index);
  const { root = "", writable = false } = options;
  const directory = `${root}/sys/bus/pci/devices/${fn.address}`;
  const native = loadNative();
  const access = new ResourceAccess(native, fn.address, {
    resource: `${directory}/resource${index}`,
    config: `${directory}/config`,
    writable,
  });
  try {
    return resource.space === "io" ? ports(access, resource) : memory(access, fn, { resource, writable });
  } catch (error) {
    access.close();
    throw error;
  }
}

function missing({ address, resources }: PciFunction, index: number): PciError {
  const there = resources.filter((each) => each.index <= 5).map((each) => each.index);
  return new PciError("ERR_NOT_SUPPORTED", `${address} has no BAR ${index}`, {
    hint:
      there.length === 0 ? "it has no BARs at all" : `it has ${there.map((bar) => `BAR ${bar}`).join(", ")}`,
  });
}

const nameOf = ({ index }: PciResource): string => `BAR ${index}`;

function ports(access: ResourceAccess, resource: PciResource): OwnedRegion {
  const region = new PreadRegion(access, { name: nameOf(resource), base: 0, size: resource.size });
  return new PartRegion(nameOf(resource), region, { offset: 0, size: resource.size }, () => access.close());
}

function memory(
  access: ResourceAccess,
  fn: PciFunction,
  { resource, writable }: { resource: PciResource; writable: boolean },
): OwnedRegion {
  const { native } = access;
  const page = native.pageSize();
  // The kernel maps whole pages, and a small BAR may begin inside of one.
  const skipped = Number(resource.start % BigInt(page));
  const whole = Math.ceil((skipped + resource.size) / page) * page;
  const name = nameOf(resource);
  const windows: MappedWindow[] = [];
  try {
    for (let offset = 0; offset < whole; offset += LARGEST_WINDOW) {
      const area: RegionArea = { offset, size: Math.min(LARGEST_WINDOW, whole - offset) };
      windows.push(mapDeviceWindow(access, { base: 0, readable: true, writable }, area, name));
    }
  } catch (error) {
    for (const window of windows) window.release();
    throw explainMapping(access.path, fn, error);
  }
  const nothing = new PreadRegion(access, { name, base: 0, size: 0 });
  const pages = new JoinedRegion(name, whole, windows, nothing, access);
  access.add(pages);
  return new PartRegion(name, pages, { offset: skipped, size: resource.size }, () => access.close());
}

/** Why a BAR cannot be mapped that could be opened (`iomem_is_exclusive`, `security_locked_down`). */
export function explainMapping(
  path: string,
  { address, driver }: Pick<PciFunction, "address" | "driver">,
  error: unknown,
): unknown {
  const { errno } = error as { errno?: number };
  const name = errno === undefined ? "" : errnoName(errno);
  if (name === "EPERM") {
    return new PciError("ERR_PERMISSION", `the kernel is locked down, and lets nobody map ${path}`, {
      path,
      hint: `bind the function to vfio-pci, which lockdown allows: sudo userpci bind ${address}\ncat /sys/kernel/security/lockdown tells`,
      cause: error,
    });
  }
  if (name === "EINVAL") {
    const [owner, what] = isVfioDriver(driver)
      ? [
          "the program that has the function open",
          `end that program, which this shows: sudo userpci holders ${address}`,
        ]
      : ["the function's driver", `take it from the driver: sudo userpci bind ${address}`];
    return new PciError("ERR_BUSY", `${owner} keeps ${path} to itself`, {
      path,
      hint: `the kernel is made with CONFIG_IO_STRICT_DEVMEM; ${what}`,
      cause: error,
    });
  }
  return error;
}

interface Paths {
  readonly resource: string;
  readonly config: string;
  readonly writable: boolean;
}

/** What a BAR through sysfs asks about its function: the `config` file tells whether it is there and decodes memory. */
class ResourceAccess extends DeviceAccess {
  readonly path: string;
  readonly #config: DeviceAccess;

  /** @throws PciError `ERR_PERMISSION`, or a system error; nothing is then open */
  constructor(native: Native, address: string, { resource, config, writable }: Paths) {
    const { O_RDONLY, O_RDWR } = native.constants;
    const fd = openFile(native, address, resource, writable ? O_RDWR : O_RDONLY);
    super(native, fd, address, 0);
    this.path = resource;
    try {
      this.#config = new DeviceAccess(native, openFile(native, address, config, O_RDONLY), address, 0);
    } catch (error) {
      native.close(fd);
      throw error;
    }
  }

  override decodesMemory(): boolean {
    return this.#config.decodesMemory();
  }

  override faultError(where: string): PciError {
    return this.#config.faultError(where);
  }

  override goneError(where: string): PciError | undefined {
    return this.#config.goneError(where);
  }

  /** Unmaps, and closes both files. */
  override close(): void {
    if (this.closed) return;
    super.close();
    this.#config.close();
    this.native.close(this.#config.fd);
    this.native.close(this.fd);
  }
}

function openFile(native: Native, address: string, path: string, flags: number): number {
  const fd = native.open(path, flags);
  if (fd >= 0) return fd;
  const name = errnoName(fd);
  if (name === "EACCES" || name === "EPERM") {
    throw systemError(fd, "open", {
      code: "ERR_PERMISSION",
      message: `this user may not open ${path}`,
      path,
      hint: `run it as root, or let a user have the function: sudo userpci bind ${address} --user NAME`,
    });
  }
  if (name === "ENOENT") {
    throw systemError(fd, "open", {
      code: "ERR_NOT_SUPPORTED",
      message: `the kernel offers no ${path}`,
      path,
      hint: `bind the function to vfio-pci: sudo userpci bind ${address}\nnot every kernel lets BARs be mapped through sysfs, nor those of a function that went meanwhile`,
    });
  }
  throw systemError(fd, "open", { message: `opening ${path}`, path });
}
