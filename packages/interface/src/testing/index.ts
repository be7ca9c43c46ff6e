/**
 * What tests of several packages share: the contract as checks that any test runner can use.
 *
 * @packageDocumentation
 */
export { type ErrorMatcher, failing } from "./failing.ts";
export { changing, HostileError, oddValues, unreadable, wrongAnswers, wrongError } from "./odd.ts";
export { type RefusalOptions, wrongRefusals } from "./region.ts";
