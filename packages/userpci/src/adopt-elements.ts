import {
  adoptPool as adoptPoolBy,
  adoptRing as adoptRingBy,
  type DmaPool,
  type DmaRing,
  type SharedPool,
  type SharedRing,
} from "@userpci/dma";
import { mapSharedMemory } from "@userpci/vfio-native";

/**
 * Gives this thread a pool that another thread of the process shares: what `pool.share()` gave there, as it came out of the
 * message. Any number of threads may adopt it. Closing it gives up this thread's view alone.
 *
 * @throws PciError `ERR_CLOSED` if the pool is closed, `ERR_INVALID_ARGUMENT`, `ERR_NATIVE_UNAVAILABLE`
 */
export function adoptPool(shared: SharedPool): DmaPool {
  return adoptPoolBy(shared, mapSharedMemory);
}

/** Gives this thread a ring that another thread of the process shares; see {@link adoptPool}. One produces, one consumes. */
export function adoptRing(shared: SharedRing): DmaRing {
  return adoptRingBy(shared, mapSharedMemory);
}
