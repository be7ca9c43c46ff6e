import type { Generator } from "../generate.ts";

/** Extended capabilities that a function has for itself, by name. */
export const functionGenerators: Readonly<Record<string, Generator>> = {};
