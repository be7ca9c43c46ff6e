/**
 * Throws where nothing of ours can catch it: what a user's listener throws becomes an uncaught exception, with its own stack,
 * and disturbs neither who called the listener nor the other listeners.
 *
 * @param error what was thrown
 */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
