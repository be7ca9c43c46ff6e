/** Longest time that a timer of Node takes, in ms: 24.8 days. A longer one would fire at once. */
export const LONGEST_MS = 2 ** 31 - 1;

/**
 * Whether a promise fulfils within a time, in ms. It rejects as the promise does. The timer keeps no process alive and is gone when the
 * promise settles first.
 */
export async function fulfilsWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false);
    timer.unref();
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
