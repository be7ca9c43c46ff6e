/**
 * What tests of a backend share: the contract as checks that any test runner can use.
 *
 * @packageDocumentation
 */
export { type ErrorMatcher, failing } from "./failing.ts";
export { type RefusalOptions, wrongRefusals } from "./region.ts";
