/** How long a link takes to leave L0p (PCI Express 6.0, section 7.7.9.2), by value. */
export const l0pExitLatencies = [
  "< 1 us",
  "< 2 us",
  "< 4 us",
  "< 8 us",
  "< 16 us",
  "< 32 us",
  "< 64 us",
  "> 64 us",
];

/** Link widths in registers of PCI Express 6.0, by value. */
export const linkWidths = ["x1", "x2", "x4", "x8", "x16"];
