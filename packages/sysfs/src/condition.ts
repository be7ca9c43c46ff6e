import { PciAddress } from "./address.ts";
import { type AerCounter, type AerSeverity, functionsOnPath, ownCounters } from "./aer-counters.ts";
import { DEVICES, functionPath } from "./function.ts";
import { readPair } from "./link.ts";
import { checkTreeOptions } from "./options.ts";
import { pathIn, readNames, readText, type TreeOptions } from "./tree.ts";

/** How a link runs at a moment. */
export interface LinkCondition {
  /** GT/s a lane, such as 8; null where the link does not say. */
  readonly speed: number | null;
  /** Lanes; 0 for a link that is down. */
  readonly width: number;
}

/** That the kernel has counted errors. */
export interface ErrorsCounted {
  readonly type: "errors";
  /** The function that found them: a device, or a port above it. */
  readonly address: string;
  readonly severity: AerSeverity;
  /** The kernel's name of the error, such as `BadTLP`. */
  readonly error: string;
  /** How many, since it was last looked. */
  readonly more: number;
  /** How many since the function was found. */
  readonly count: number;
}

/** That a link has come up, gone down, or changed its speed or width. */
export interface LinkChanged {
  readonly type: "link";
  /** The function at either end of the link: each tells of it. */
  readonly address: string;
  readonly before: LinkCondition;
  readonly now: LinkCondition;
}

/** What {@link ConditionWatch} finds out. */
export type ConditionChange = ErrorsCounted | LinkChanged;

/** Which functions {@link ConditionWatch} looks at. */
export interface ConditionOptions extends TreeOptions {
  /** Only this function and the bridges above it, such as `0000:00:04.0`. Default: all that there are at each look. */
  readonly address?: string;
}

/** What was last seen of a function. */
interface Seen {
  readonly counts: ReadonlyMap<string, number>;
  readonly link: LinkCondition | undefined;
}

/** A function that was not there. */
const NEW: Seen = { counts: new Map(), link: undefined };

/**
 * Finds out what changes of functions without an event: their error counters and their links. Reading a link takes an access to
 * the function's configuration space, so one that sleeps without power (D3cold) is left alone.
 */
export class ConditionWatch {
  readonly #options: ConditionOptions;
  /** Of every function that there is and was looked at, also where it is not to be looked at for the moment. */
  #seen: ReadonlyMap<string, Seen> = new Map();
  #size = 0;

  /** Looks for the first time. @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_PERMISSION` */
  constructor(options: ConditionOptions = {}) {
    checkTreeOptions(options);
    if (options.address !== undefined) PciAddress.parse(options.address);
    this.#options = options;
    this.changes();
  }

  /** How many functions were there at the last look. */
  get size(): number {
    return this.#size;
  }

  /**
   * Looks, and tells what has changed since the last look, by ascending address. A function that has come since is new: its
   * link has not changed, and its errors were all counted since.
   *
   * @throws PciError `ERR_PERMISSION`
   */
  changes(): ConditionChange[] {
    const there = readNames(pathIn(this.#options, DEVICES));
    const seen = new Map([...this.#seen].filter(([address]) => there.includes(address)));
    const addresses = this.#addresses(there);
    const changes = addresses.flatMap((address) => {
      const former = seen.get(address) ?? NEW;
      const counters = ownCounters(address, this.#options);
      const link = readLinkCondition(address, this.#options) ?? former.link;
      seen.set(address, { counts: new Map(counters.map((each) => [keyOf(each), each.count])), link });
      return [...errorsSince(former, counters), ...linkSince(former, address, link)];
    });
    this.#seen = seen;
    this.#size = addresses.length;
    return changes;
  }

  #addresses(there: string[]): string[] {
    const { address } = this.#options;
    if (address === undefined) return there;
    return functionsOnPath(PciAddress.parse(address).toString(), this.#options);
  }
}

const keyOf = ({ severity, error }: AerCounter): string => `${severity} ${error}`;

function errorsSince({ counts }: Seen, counters: readonly AerCounter[]): ErrorsCounted[] {
  return counters.flatMap((counter) => {
    const more = counter.count - (counts.get(keyOf(counter)) ?? 0);
    return more > 0 ? [{ type: "errors" as const, ...counter, more }] : [];
  });
}

function linkSince({ link: before }: Seen, address: string, now: LinkCondition | undefined): LinkChanged[] {
  if (before === undefined || now === undefined) return [];
  const same = before.speed === now.speed && before.width === now.width;
  return same ? [] : [{ type: "link", address, before, now }];
}

/** How a function's link runs; undefined where it has none, or sleeps. */
function readLinkCondition(address: string, options: TreeOptions): LinkCondition | undefined {
  if (readText(functionPath(address, options, "power_state")) === "D3cold") return undefined;
  const pair = readPair(address, "current", options);
  return pair === null ? undefined : { speed: pair.speed, width: pair.width ?? 0 };
}
