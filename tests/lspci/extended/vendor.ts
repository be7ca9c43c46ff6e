import type { Generator } from "../generate.ts";
import { extended } from "./extended.ts";

/** Extended capabilities of vendors, CXL, data objects and encryption, by name. */
export const vendorGenerators: Readonly<Record<string, Generator>> = {
  "data object exchange": extended(0x2e),
};
