/**
 * A pair of linked network interfaces as device models.
 *
 * @packageDocumentation
 */
export type { NicPairOptions } from "./options.ts";
export { nicPair } from "./pair.ts";
