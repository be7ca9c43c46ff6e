import {
  type DmaMapper,
  type DomainAttachment,
  formatValue,
  type IovaRange,
  isPciError,
  PciError,
} from "@userpci/interface";
import { formatRanges } from "./ranges.ts";

// What may be attached to a domain, and why it may not.

const methods = ["limits", "map", "mapSync", "unmap", "unmapSync", "close"] as const;

/** @throws PciError `ERR_INVALID_ARGUMENT` for what is no mapper */
export function checkMapper(mapper: DmaMapper): void {
  const given = (mapper ?? {}) as Partial<DmaMapper>;
  if (methods.every((method) => typeof given[method] === "function")) return;
  throw new PciError(
    "ERR_INVALID_ARGUMENT",
    `what is attached must be a mapper, not ${formatValue(mapper)}`,
    { hint: "open a device into the domain, openDevice(address, { domain }), or attach a MemoryMapper" },
  );
}

/** What to throw when a device cannot join a domain: the same code, with the names of both. */
export function joinError(device: string, domain: string, error: unknown): unknown {
  if (!isPciError(error)) return error;
  return new PciError(error.code, `${device} cannot join ${domain}: ${error.message}`, {
    hint: error.hint ?? "open the device into a domain of its own, or unmap what stands in the way",
    cause: error,
  });
}

/** The error for limits that exclude those of the devices before. */
export function noCommonRange(before: readonly IovaRange[], joining: readonly IovaRange[]): PciError {
  return new PciError(
    "ERR_IOVA_RANGE",
    `no address is valid for all devices: ${formatRanges(joining)} has nothing in common with ${formatRanges(before)}`,
    { hint: "open the device into a domain of its own" },
  );
}

/** For what needs a mapper, in a domain that has none yet. */
export function domainEmpty(domain: string): PciError {
  return new PciError("ERR_DOMAIN_EMPTY", `${domain} has had no device attached yet`, {
    hint: "open a device into the domain before mapping memory",
  });
}

/** The devices in a domain. */
export class DeviceList {
  readonly #names: string[] = [];

  get count(): number {
    return this.#names.length;
  }

  /** Counts a device until it is detached. @param leaving called once, before it is */
  add(name: string, leaving: () => void): DomainAttachment {
    this.#names.push(name);
    let attached = true;
    const detach = (): void => {
      if (!attached) return;
      attached = false;
      leaving();
      this.#names.splice(this.#names.indexOf(name), 1);
    };
    return { detach };
  }

  /** @throws PciError `ERR_DOMAIN_IN_USE` while there is one */
  assertNone(domain: string): void {
    if (this.count === 0) return;
    throw new PciError(
      "ERR_DOMAIN_IN_USE",
      `${domain} still has ${this.count} ${this.count === 1 ? "device" : "devices"} attached: ${this.#names.join(", ")}`,
      { hint: "close the devices first, then the domain" },
    );
  }
}
