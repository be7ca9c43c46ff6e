/**
 * Extended capabilities that are not printed in full yet, by the name that lspci gives them. Their sections are left out of the
 * comparison, and counted aloud.
 */
export const pending: ReadonlySet<string> = new Set([
  "Device 3",
  "Downstream Port Containment",
  "Flit Error Injection",
  "Flit Logging",
  "Integrity & Data Encryption",
  "L1 PM Substates",
  "Lane Margining at the Receiver",
  "Latency Tolerance Reporting",
  "MMIO Register Block Locator",
  "Multicast",
  "Physical Layer 16.0 GT/s",
  "Physical Layer 32.0 GT/s",
  "Physical Layer 64.0 GT/s",
  "Physical Resizable BAR",
  "Precision Time Measurement",
  "Root Complex Event Collector Endpoint Association",
  "Root Complex Link",
  "Secondary PCI Express",
  "Transaction Processing Hints",
  "Virtual Channel",
  "Virtual Resizable BAR",
]);
