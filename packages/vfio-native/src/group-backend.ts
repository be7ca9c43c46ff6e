import { type IommuDomain, PciError } from "@userpci/interface";
import { Container } from "./container.ts";
import { Group } from "./group.ts";
import type { KernelBackend } from "./kernel-device.ts";
import type { Admission, Entrance, KernelPath } from "./kernel-path.ts";
import { loadNative } from "./native.ts";
import { VfioBackend } from "./vfio-backend.ts";

/** The kernel's container and group interface (`/dev/vfio/vfio`, `/dev/vfio/N`) with the type1v2 IOMMU. */
class GroupPath implements KernelPath {
  readonly name = "vfio-group";
  readonly dirtyTracking = false;
  readonly spaces = new Map<IommuDomain, Container>();
  readonly #groups = new Map<number, Group>();

  readonly groupFd = (group: number): number | undefined => this.#groups.get(group)?.fd;

  admit({ address, group: number, domain, vfToken }: Entrance): Admission {
    const group = this.#groupIn(domain, number, address);
    group.enter();
    return {
      mapper: group.container,
      openDevice: async () => ({ fd: await group.openDevice(address, vfToken) }),
      openDeviceSync: () => ({ fd: group.openDeviceSync(address, vfToken) }),
      entered: () => group.entered(),
      failed() {
        try {
          group.failed();
        } finally {
          closeUnused(group.container);
        }
      },
      // The group stays in its container until that closes.
      left: () => undefined,
    };
  }

  close(): void {}

  #groupIn(domain: IommuDomain, number: number, address: string): Group {
    const known = this.#groups.get(number);
    const isThere = known !== undefined && !known.gone;
    if (isThere && known.container === this.spaces.get(domain)) return known;
    if (isThere) {
      throw new PciError("ERR_GROUP_BUSY", `group ${number} of ${address} is already in another domain`, {
        hint: "open it into the same domain, or close that domain first",
      });
    }
    const container = this.spaces.get(domain) ?? this.#openContainer(domain);
    if (container.used && container.lost) assertNothingMapped(domain, address);
    known?.leave();
    try {
      return this.#openGroup(number, address, container);
    } catch (error) {
      closeUnused(container);
      throw error;
    }
  }

  #openContainer(domain: IommuDomain): Container {
    const container = Container.open(loadNative(), () => this.spaces.delete(domain));
    this.spaces.set(domain, container);
    return container;
  }

  #openGroup(number: number, address: string, container: Container): Group {
    const onClose = (): unknown => this.#groups.delete(number);
    const group = Group.open(loadNative(), number, address, container, onClose);
    this.#groups.set(number, group);
    return group;
  }
}

/** Gives up a container that no device was ever in, when the last group has left it. */
function closeUnused(container: Container): void {
  if (container.groups === 0 && !container.used) container.close();
}

/** The kernel has dropped the domain's mappings, which only that knows. */
function assertNothingMapped(domain: IommuDomain, address: string): void {
  const mappings = [...domain.mappings()].length;
  if (mappings === 0) return;
  throw new PciError(
    "ERR_DOMAIN_EMPTY",
    `${address} cannot join the domain: the kernel dropped its mappings (${mappings}) when the last device was removed`,
    { hint: "unmap them before, or open the device into a new domain" },
  );
}

/**
 * The backend on the kernel's VFIO container and group interface. An instance owns the groups it opens: keep one for
 * all devices of a process that may share a domain or be hot reset together.
 */
export function vfioGroup(): KernelBackend {
  return new VfioBackend(new GroupPath());
}
