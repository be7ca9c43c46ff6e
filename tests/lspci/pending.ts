/**
 * Extended capabilities that are not printed in full yet, by the name that lspci gives them. Their sections are left out of the
 * comparison, and counted aloud.
 */
export const pending: ReadonlySet<string> = new Set([
  "Device 3",
  "Flit Error Injection",
  "Flit Logging",
  "Lane Margining at the Receiver",
  "Physical Layer 16.0 GT/s",
  "Physical Layer 32.0 GT/s",
  "Physical Layer 64.0 GT/s",
  "Secondary PCI Express",
]);
