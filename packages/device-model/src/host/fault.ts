/** Where a fault of a model goes. */
export type FaultHandler = (error: unknown) => void;

/** Throws on the event loop, where it is an uncaught exception: a model at fault is not to be overlooked. */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** Runs code of a model's author; what it throws is a fault of the model, and what it would have returned is `otherwise`. */
export function guarded<T>(onFault: FaultHandler, otherwise: T, code: () => T): T {
  try {
    return code();
  } catch (error) {
    onFault(error);
    return otherwise;
  }
}
