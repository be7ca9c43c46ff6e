/** Link widths in registers of PCI Express 6.0, by value. */
export const linkWidths = ["x1", "x2", "x4", "x8", "x16"];
