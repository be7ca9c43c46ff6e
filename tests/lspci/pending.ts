/**
 * Extended capabilities that are not printed in full yet, by the name that lspci gives them. Their sections are left out of the
 * comparison, and counted aloud. An entry that makes no difference any more fails.
 */
export const pending: ReadonlySet<string> = new Set([
  "Access Control Services",
  "Address Translation Service (ATS)",
  "Advanced Error Reporting",
  "Alternative Routing-ID Interpretation (ARI)",
  "Data Object Exchange",
  "Designated Vendor-Specific",
  "Device Serial Number",
  "Single Root I/O Virtualization (SR-IOV)",
]);
