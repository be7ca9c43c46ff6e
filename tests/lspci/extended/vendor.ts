import type { Generator } from "../generate.ts";

/** Extended capabilities of vendors, CXL, data objects and encryption, by name. */
export const vendorGenerators: Readonly<Record<string, Generator>> = {};
