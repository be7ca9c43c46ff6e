/**
 * Extended capabilities that are not printed in full yet, by the name that lspci gives them. Their sections are left out of the
 * comparison, and counted aloud.
 */
export const pending: ReadonlySet<string> = new Set([]);
