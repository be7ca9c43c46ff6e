/** Taken when this module is loaded: a test that fakes the timers of its driver does not stop the devices. */
const { setTimeout } = globalThis;
const { setImmediate } = globalThis as { setImmediate?: (call: () => void) => unknown };

/** Calls on the event loop, when what runs now has ended: at once in Node, within some milliseconds in a browser. */
export function later(call: () => void): void {
  if (setImmediate === undefined) setTimeout(call, 0);
  else setImmediate(call);
}

/** Resolves in the next turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => later(resolve));
}
