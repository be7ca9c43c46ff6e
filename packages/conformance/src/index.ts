/**
 * One suite that every backend passes, for any test runner: plain functions that throw to fail.
 *
 * @packageDocumentation
 */
export { type Difference, differences } from "./differences.ts";
export type {
  Copier,
  CopyEngine,
  FeatureUse,
  Subject,
  SubjectFunction,
  SubjectPart,
  Unplug,
} from "./subject.ts";
export { type ConformanceOptions, type ConformanceTest, conformance } from "./suite.ts";
export { ConformanceError } from "./trial.ts";
