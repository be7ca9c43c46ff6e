import { type AdoptedVector, adoptVector as adopt, type SharedVector } from "@userpci/irq";
import { adoptIrqTarget } from "@userpci/vfio-native";

/**
 * Makes an interrupt vector that another thread offers this thread's own: what `vector.share()` gave there, as it came out
 * of the message. Closing it gives it back.
 *
 * @throws PciError `ERR_CLOSED` if the offer is void, `ERR_IRQ_BUSY` if another thread has adopted it,
 * `ERR_INVALID_ARGUMENT`, `ERR_NATIVE_UNAVAILABLE`
 */
export function adoptVector(shared: SharedVector): AdoptedVector {
  return adopt(shared, adoptIrqTarget);
}
