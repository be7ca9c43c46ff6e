import { type IommuDomain, PciError } from "@userpci/interface";
import { CdevOpening } from "./cdev.ts";
import { Ioas } from "./ioas.ts";
import { Iommufd, type MemlockAccounting } from "./iommufd.ts";
import type { KernelBackend } from "./kernel-device.ts";
import type { Admission, Entrance, KernelPath } from "./kernel-path.ts";
import { loadNative } from "./native.ts";
import { VfioBackend } from "./vfio-backend.ts";

/** Choices of {@link vfioCdev}. */
export interface CdevOptions {
  /**
   * Whose pinned pages count against `RLIMIT_MEMLOCK` (row R13): those of all processes of this user together (default, as the
   * kernel has it), or of this process. `process` takes `CAP_SYS_RESOURCE`.
   */
  readonly accounting?: MemlockAccounting;
}

/** An IOMMU group of which devices are open or being opened. */
interface GroupUse {
  readonly domain: IommuDomain;
  devices: number;
}

/** An address space, with how many devices are being opened into it. */
interface Space {
  readonly ioas: Ioas;
  opening: number;
  /** Whether a device ever was in it: it then lives as long as its domain. */
  used: boolean;
}

/** The kernel's device nodes (`/dev/vfio/devices/vfioN`) with iommufd. */
class CdevPath implements KernelPath {
  readonly name = "vfio-cdev";
  readonly dirtyTracking = true;
  readonly spaces = new Map<IommuDomain, Ioas>();
  readonly #uses = new Map<Ioas, Space>();
  readonly #groups = new Map<number, GroupUse>();
  readonly #accounting: MemlockAccounting;
  #iommufd: Iommufd | undefined;

  constructor({ accounting = "user" }: CdevOptions) {
    if (accounting !== "user" && accounting !== "process") {
      throw new PciError("ERR_INVALID_ARGUMENT", `pages are not counted by ${String(accounting)}`, {
        hint: 'accounting is "user" or "process"',
      });
    }
    this.#accounting = accounting;
  }

  admit(entrance: Entrance): Admission {
    const { address, domain, group, node } = entrance;
    if (node === null) throw noNodeError(address);
    const groupUse = this.#enterGroup(group, domain, address);
    let space: Space;
    try {
      space = this.#spaceOf(domain);
    } catch (error) {
      this.#leaveGroup(group, groupUse);
      throw error;
    }
    space.opening += 1;
    const { ioas } = space;
    const opening = new CdevOpening(loadNative(), entrance, `/dev/vfio/devices/${node}`, ioas);
    const left = (): void => {
      try {
        opening.leave();
      } finally {
        this.#leaveGroup(group, groupUse);
      }
    };
    return {
      mapper: ioas,
      openDevice: () => opening.open(),
      openDeviceSync: () => opening.openSync(),
      entered() {
        space.opening -= 1;
        space.used = true;
      },
      failed() {
        space.opening -= 1;
        try {
          left();
        } finally {
          if (!space.used && space.opening === 0) ioas.close();
        }
      },
      left,
    };
  }

  close(): void {}

  /** Refuses a second domain for a group: its devices cannot be told apart. */
  #enterGroup(group: number, domain: IommuDomain, address: string): GroupUse {
    const use = this.#groups.get(group) ?? { domain, devices: 0 };
    if (use.domain !== domain) {
      throw new PciError("ERR_GROUP_BUSY", `group ${group} of ${address} is already in another domain`, {
        hint: "open it into the same domain, or close the devices of the group first",
      });
    }
    use.devices += 1;
    this.#groups.set(group, use);
    return use;
  }

  #leaveGroup(group: number, use: GroupUse): void {
    use.devices -= 1;
    if (use.devices === 0) this.#groups.delete(group);
  }

  #spaceOf(domain: IommuDomain): Space {
    const known = this.spaces.get(domain);
    if (known !== undefined) return this.#uses.get(known)!;
    const iommufd = this.#openIommufd();
    // Held while the address space is made, so that a failure closes it again.
    iommufd.hold();
    try {
      const ioas = new Ioas(iommufd, () => {
        this.spaces.delete(domain);
        this.#uses.delete(ioas);
      });
      const space = { ioas, opening: 0, used: false };
      this.spaces.set(domain, ioas);
      this.#uses.set(ioas, space);
      return space;
    } finally {
      iommufd.release();
    }
  }

  #openIommufd(): Iommufd {
    this.#iommufd ??= Iommufd.open(loadNative(), this.#accounting, () => {
      this.#iommufd = undefined;
    });
    return this.#iommufd;
  }
}

function noNodeError(address: string): PciError {
  return new PciError("ERR_NOT_SUPPORTED", `${address} has no node in /dev/vfio/devices`, {
    hint: "that takes Linux 6.6 or later with CONFIG_VFIO_DEVICE_CDEV; without it use vfioGroup()",
  });
}

/**
 * The backend on the kernel's device nodes (`/dev/vfio/devices/vfioN`) with iommufd: Linux 6.6 and later with
 * `CONFIG_IOMMUFD` and `CONFIG_VFIO_DEVICE_CDEV`. An instance owns one iommufd, in which each of its domains is an address
 * space of its own.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`
 */
export function vfioCdev(options: CdevOptions = {}): KernelBackend {
  return new VfioBackend(new CdevPath(options));
}
