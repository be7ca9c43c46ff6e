import { PciError } from "@userpci/interface";

/** From this size on pinning is slow enough (about 1 ms for 8 MiB of small pages) to leave the main thread. */
export const ASYNC_SIZE = 8 * 2 ** 20;

/**
 * The error for memory that no kernel interface could pin.
 *
 * @param lacks what it does not have: "an address of this process"
 */
export function cannotPin(lacks: string): PciError {
  return new PciError("ERR_NOT_SUPPORTED", `memory without ${lacks} cannot be pinned`, {
    hint: "allocate it with device.dma.alloc, or from the backend's memory source",
  });
}
