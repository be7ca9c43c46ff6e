import { checkMethods, checkType } from "@userpci/interface";
import { PciAddress } from "./address.ts";
import { mistaken } from "./options.ts";
import { parseUevent, type Uevent } from "./uevent.ts";

/** Where messages of the kernel come from: a netlink socket, which this package cannot open. */
export interface UeventSource {
  /**
   * Waits for the next message.
   *
   * @param signal ends the wait
   * @returns its bytes, which are the caller's; `lost` where the kernel had no room to keep messages for this process; undefined
   * once the source is closed, or `signal` has fired
   */
  next(signal?: AbortSignal): Promise<Uint8Array | "lost" | undefined>;
}

/** That the kernel had no room to keep events for this process: what they said has to be looked up. */
export interface UeventsLost {
  readonly type: "lost";
}

/** Which uevents {@link watchUevents} gives. */
export interface UeventFilter {
  /** Only of these subsystems, such as `["pci", "vfio-dev"]`. Default: of all. */
  readonly subsystems?: readonly string[];
  /** Only of this function and what belongs to it, such as `0000:00:04.0` or `00:04.0`. Default: of all. */
  readonly address?: string;
  /** Ends the iteration, without an error. */
  readonly signal?: AbortSignal;
}

/**
 * Tells what the kernel says of devices, from now on: that they came, went, got a driver or lost it, and how the recovery of
 * their errors goes. Any user may hear it.
 *
 * @param source such as `openUevents()` of `@userpci/vfio-native/uevents`; it stays the caller's, and has one reader at a time
 * @throws PciError `ERR_INVALID_ARGUMENT`, before anything is waited for; from a step what the source throws
 */
export function watchUevents(
  source: UeventSource,
  filter: UeventFilter = {},
): AsyncGenerator<Uevent | UeventsLost, void> {
  checkMethods("source", source, ["next"], "pass openUevents() of @userpci/vfio-native/uevents");
  return watch(source, wantedBy(filter), filter.signal);
}

async function* watch(
  source: UeventSource,
  wants: (event: Uevent) => boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uevent | UeventsLost, void> {
  for (;;) {
    const message = await source.next(signal);
    if (message === undefined) return;
    if (message === "lost") {
      yield { type: "lost" };
      continue;
    }
    const event = parseUevent(message);
    if (event !== undefined && wants(event)) yield event;
  }
}

function wantedBy(filter: UeventFilter): (event: Uevent) => boolean {
  checkType("filter", filter, "object");
  const { subsystems, address } = filter;
  if (subsystems !== undefined && !Array.isArray(subsystems)) {
    throw mistaken("subsystems", "an array", subsystems, 'pass ["pci"]');
  }
  const wanted = address === undefined ? undefined : PciAddress.parse(address).toString();
  return (event) =>
    (subsystems === undefined || subsystems.includes(event.subsystem)) &&
    (wanted === undefined || event.address === wanted);
}
