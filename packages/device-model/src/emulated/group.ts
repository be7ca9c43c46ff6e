import { type Backend, type IommuDomain, PciError } from "@userpci/interface";
import type { EmulatedFunction } from "./function.ts";

/** Who has a group: one backend, with one domain. */
interface GroupOwner {
  readonly backend: Backend;
  readonly domain: IommuDomain;
}

/**
 * Functions that no IOMMU keeps apart, since they are behind one port: they are used by one backend, in one domain, and a
 * reset of their bus hits all of them.
 */
export class EmulatedGroup {
  readonly number: number;
  /** Whether it is a bus of its own that can be reset. */
  readonly bus: boolean;
  readonly functions: EmulatedFunction[] = [];
  #owner: GroupOwner | undefined;

  constructor(number: number, bus: boolean) {
    this.number = number;
    this.bus = bus;
  }

  /**
   * Takes the group for a backend and a domain; it stays theirs until the domain closes, as in a container, which would drop
   * its mappings with its last group.
   *
   * @param address of the function that is opened, for the message
   * @throws PciError `ERR_GROUP_BUSY`
   */
  claim(backend: Backend, domain: IommuDomain, address: string): void {
    const owner = this.#owner;
    const isFree = owner === undefined || owner.domain.closed;
    if (isFree) {
      this.#owner = { backend, domain };
      return;
    }
    if (owner.domain === domain && owner.backend === backend) return;
    const who = owner.backend === backend ? "domain" : "backend";
    throw new PciError("ERR_GROUP_BUSY", `group ${this.number} of ${address} is already in another ${who}`, {
      hint: "open it into the same domain with the same backend, or close that domain first",
    });
  }

  /** Gives it up after an open that failed, if nothing of it is open. @param former who had it before */
  release(former: GroupOwner | undefined): void {
    if (this.functions.every(({ busy }) => !busy)) this.#owner = former;
  }

  /** Who has it, to be given back to {@link release}. */
  get owner(): GroupOwner | undefined {
    return this.#owner;
  }
}
