import { type CheckedType, checkInteger, checkType, formatValue, PciError } from "@userpci/interface";
import type { ConfigFileOptions } from "./config-file.ts";
import type { DriverOptions } from "./driver.ts";
import type { FunctionFilter } from "./find.ts";
import type { TreeOptions } from "./tree.ts";

/** The longest that a timer can measure; Node takes a longer one for 1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** @throws PciError `ERR_INVALID_ARGUMENT` */
export function checkTreeOptions(options: TreeOptions): void {
  checkType("options", options, "object");
  checkOptional("root", options.root, "string");
}

/** @throws PciError `ERR_INVALID_ARGUMENT` */
export function checkConfigFileOptions(options: ConfigFileOptions): void {
  checkTreeOptions(options);
  checkOptional("writable", options.writable, "boolean");
}

/** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for a time that no timer can measure */
export function checkDriverOptions(options: DriverOptions): void {
  checkTreeOptions(options);
  const { timeoutMs, reportMs, signal, onProgress } = options;
  if (timeoutMs !== undefined) checkInteger("timeoutMs", timeoutMs, 0, MAX_TIMER_MS);
  if (reportMs !== undefined) checkInteger("reportMs", reportMs, 1, MAX_TIMER_MS);
  if (signal !== undefined && !isSignal(signal)) {
    throw mistaken("signal", "an AbortSignal", signal, "pass controller.signal, or AbortSignal.timeout(ms)");
  }
  if (onProgress !== undefined && typeof onProgress !== "function") {
    throw mistaken("onProgress", "a function", onProgress, "pass (progress) => console.error(progress.step)");
  }
}

/** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for a group below 0 */
export function checkFilter(filter: FunctionFilter): void {
  checkType("filter", filter, "object");
  checkOptional("id", filter.id, "string");
  checkOptional("class", filter.class, "string");
  if (filter.driver !== null) checkOptional("driver", filter.driver, "string");
  if (filter.group !== undefined && filter.group !== null) checkGroup(filter.group);
}

/** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` */
export function checkGroup(number: number): void {
  checkInteger("group", number, 0, Number.MAX_SAFE_INTEGER);
}

/** @throws PciError `ERR_INVALID_ARGUMENT` */
export function checkPaths(paths: readonly string[]): void {
  if (Array.isArray(paths) && paths.every((path) => typeof path === "string")) return;
  throw mistaken(
    "paths",
    "an array of strings",
    paths,
    'pass node paths in brackets, such as ["/dev/vfio/7"]',
  );
}

/** The error for a value of a kind that `checkType` does not tell. */
export function mistaken(name: string, wanted: string, value: unknown, hint: string): PciError {
  const message = `${name} must be ${wanted}, not ${formatValue(value)}`;
  return new PciError("ERR_INVALID_ARGUMENT", message, { hint });
}

function checkOptional(name: string, value: unknown, type: CheckedType): void {
  if (value !== undefined) checkType(name, value, type);
}

// Another realm's signal is none of this one's AbortSignal.
function isSignal(value: unknown): boolean {
  const { aborted, addEventListener, removeEventListener } = (value ?? {}) as Partial<AbortSignal>;
  const isTarget = [addEventListener, removeEventListener].every((method) => typeof method === "function");
  return isTarget && typeof aborted === "boolean";
}
