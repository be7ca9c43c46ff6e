import { checkType, formatValue, PciError } from "@userpci/interface";
import { checkLayout, type ElementLayout } from "./element-layout.ts";
import { type ElementParts, isMarkedOpen, markClosed, type SharedElements } from "./elements.ts";
import { isShared } from "./mappable.ts";
import {
  AdoptedBuffer,
  checkSharedBuffer,
  type MapSharedMemory,
  type SharedBuffer,
} from "./shared-buffer.ts";

/** What elements become in the thread that adopts them. */
export interface AdoptionPlan<E> {
  /** Words that their state takes. */
  readonly words: number;
  readonly make: (parts: ElementParts) => E;
}

/** What was offered, each property looked at once. */
interface Offer<E> {
  readonly buffer: SharedBuffer;
  readonly layout: ElementLayout;
  readonly words: SharedArrayBuffer;
  readonly make: (parts: ElementParts) => E;
}

/**
 * Takes over elements that another thread shares. All that came with the message is checked before anything is mapped: the
 * layout decides where elements are read and written.
 *
 * @param plan checks what else is in the offer, and tells what becomes of it
 * @throws PciError `ERR_CLOSED` if they are closed, `ERR_INVALID_ARGUMENT`, what `mapSharedMemory` throws; nothing is then left
 * mapped
 */
export function adoptElements<O extends SharedElements, E>(
  shared: O,
  type: O["type"],
  mapSharedMemory: MapSharedMemory,
  plan: (offer: O, layout: ElementLayout) => AdoptionPlan<E>,
): E {
  const { buffer, layout, words, make } = checkOffer(shared, type, plan);
  checkLive(words, type);
  let memory: AdoptedBuffer | undefined;
  memory = new AdoptedBuffer(buffer, mapSharedMemory, () => {
    markClosed(words);
    memory?.closeSync();
  });
  try {
    // The other thread goes on: it may have closed them while they were mapped.
    checkLive(words, type);
    return make({ memory, layout, words });
  } catch (error) {
    memory.closeSync();
    throw error;
  }
}

/** @throws PciError `ERR_INVALID_ARGUMENT`, with what is wrong with the offer */
function checkOffer<O extends SharedElements, E>(
  shared: O,
  type: O["type"],
  plan: (offer: O, layout: ElementLayout) => AdoptionPlan<E>,
): Offer<E> {
  try {
    checkType("shared", shared, "object");
    const { type: given, words } = shared;
    if (given !== type) throw tampered(`its type is ${formatValue(given)}`);
    const layout = checkLayout(shared.layout);
    const buffer = checkSharedBuffer(shared.buffer, layout.size);
    const { words: wanted, make } = plan(shared, layout);
    if (!isShared(words) || words.byteLength !== 4 * wanted) {
      throw tampered(`its state must be a SharedArrayBuffer of ${4 * wanted} bytes`);
    }
    return { buffer, layout, words, make };
  } catch (cause) {
    throw new PciError(
      "ERR_INVALID_ARGUMENT",
      `not a shared ${type}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { hint: "pass what share() returned, as it came out of the message", cause },
    );
  }
}

function tampered(message: string): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", message);
}

/** @throws PciError `ERR_CLOSED` */
function checkLive(words: SharedArrayBuffer, type: string): void {
  if (isMarkedOpen(words)) return;
  throw new PciError("ERR_CLOSED", `the ${type} was closed by the thread that made it`, {
    hint: "adopt it while it is open in the thread that called share()",
  });
}
