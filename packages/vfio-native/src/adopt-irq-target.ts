import { checkType, formatValue, type IrqTarget, PciError, type SharedIrqTarget } from "@userpci/interface";
import { AdoptedLease } from "./eventfd-lease.ts";
import { EVENTFD, EventfdTarget, type SharedEventfd } from "./eventfd-target.ts";
import { loadNative } from "./native.ts";

/**
 * Takes over the reading of an interrupt target that another thread of this process offers: what `share()` of a kernel
 * backend's target gave. Most programs call `adoptVector` of `userpci`, which uses it.
 *
 * @param ended called when the target is closed where it came from, or that thread has ended; closes the target by default
 * @returns a target of this thread's own. Closing it gives the reading back
 * @throws PciError `ERR_CLOSED` if the offer is void, `ERR_IRQ_BUSY` if another thread has adopted it,
 * `ERR_INVALID_ARGUMENT`, `ERR_NATIVE_UNAVAILABLE`
 */
export function adoptIrqTarget(shared: SharedIrqTarget, ended?: () => void): IrqTarget {
  const offer = checkShared(shared);
  const native = loadNative();
  const target: EventfdTarget = new EventfdTarget(native, {
    lease: new AdoptedLease(native, offer.fd, offer.lease),
    ended: () => (ended ?? (() => target.close()))(),
  });
  return target;
}

function checkShared(shared: SharedIrqTarget): SharedEventfd {
  checkType("shared", shared, "object");
  const { type, fd, lease } = shared as SharedEventfd;
  const isWhole =
    type === EVENTFD &&
    Number.isInteger(fd) &&
    Number.isInteger(lease?.socket) &&
    lease.state instanceof SharedArrayBuffer &&
    lease.state.byteLength === 4;
  if (isWhole) return shared as SharedEventfd;
  throw new PciError("ERR_INVALID_ARGUMENT", `not a shared interrupt target: type ${formatValue(type)}`, {
    hint: "pass what share() returned, as it came out of the message",
  });
}
