import type { Generator } from "../generate.ts";

/** Extended capabilities of links, ports and the root complex, by name. */
export const linkGenerators: Readonly<Record<string, Generator>> = {};
