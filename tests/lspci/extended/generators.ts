import type { Generator } from "../generate.ts";
import { chainGenerators } from "./chain.ts";
import { functionGenerators } from "./function.ts";
import { linkGenerators } from "./link.ts";
import { vendorGenerators } from "./vendor.ts";

/** What is compared of the extended capabilities, by name. */
export const extendedGenerators: Readonly<Record<string, Generator>> = {
  ...chainGenerators,
  ...functionGenerators,
  ...linkGenerators,
  ...vendorGenerators,
};
