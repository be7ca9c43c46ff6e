/**
 * Why a PCI function cannot be used from user space: causes before consequences, with evidence and what mends it.
 *
 * @packageDocumentation
 */
export type { CheckName, CheckStatus } from "./check.ts";
export { checks, type DiagnoseOptions, type Diagnosis, diagnose, type Finding } from "./diagnosis.ts";
export type { Evidence } from "./facts.ts";
