import { type IommuDomain, mayPin, memlockError, type PinBudget } from "@userpci/interface";

/** How much memory is pinned, in bytes, and may be (row R13). */
export interface DmaUsage {
  /** Of this device: `Dma.pinnedBytes`. */
  readonly device: number;
  /** Of all devices in its domain: `IommuDomain.mappedBytes`. */
  readonly domain: number;
  /** What the kernel counts: of this process, or of all processes of its user, by `scope`. Undefined if nothing counts. */
  readonly counted: number | undefined;
  readonly scope: PinBudget["scope"] | undefined;
  /** `RLIMIT_MEMLOCK` in bytes, which `counted` may not pass. `Infinity` if there is no limit, or none for this process. */
  readonly limit: number;
  /** Bytes that may still be mapped in the domain. */
  readonly left: number;
}

/** What mappers of one domain that count in the same place pin together. */
interface Account {
  readonly pins: PinBudget;
  /** How often each mapping is counted: once for each of the mappers. */
  readonly times: number;
}

/** @param device what of the domain is pinned for one device */
export function usageOf(domain: IommuDomain, device: number): DmaUsage {
  const tightest = accountsOf(domain).reduce<Account | undefined>(
    (least, account) => (least === undefined || leftOf(account) < leftOf(least) ? account : least),
    undefined,
  );
  return {
    device,
    domain: domain.mappedBytes,
    counted: tightest?.pins.used,
    scope: tightest?.pins.scope,
    limit: tightest === undefined || tightest.pins.exempt ? Number.POSITIVE_INFINITY : tightest.pins.limit,
    left: tightest === undefined ? Number.POSITIVE_INFINITY : leftOf(tightest),
  };
}

/** @throws PciError `ERR_MEMLOCK` if `size` bytes more would pass the limit of one of the domain's mappers */
export function checkFits(domain: IommuDomain, size: number): void {
  for (const { pins, times } of accountsOf(domain)) {
    if (!mayPin(size * times, pins)) throw memlockError(`${size} bytes of DMA memory`, size * times, pins);
  }
}

function accountsOf(domain: IommuDomain): Account[] {
  const accounts = new Map<PinBudget["scope"], Account>();
  for (const pins of domain.pins?.() ?? []) {
    accounts.set(pins.scope, { pins, times: (accounts.get(pins.scope)?.times ?? 0) + 1 });
  }
  return [...accounts.values()];
}

function leftOf({ pins, times }: Account): number {
  if (pins.exempt) return Number.POSITIVE_INFINITY;
  return Math.max(0, Math.floor((pins.limit - pins.used) / times));
}
