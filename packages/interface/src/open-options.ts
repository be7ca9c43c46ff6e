import type { OpenOptions } from "./backend.ts";
import { checkMethods, checkNames, checkType } from "./check.ts";

const names: readonly (keyof OpenOptions)[] = ["domain", "vfToken", "requireReset"];

/**
 * Lets through how a device is to be opened. What a token looks like is the backend's to check.
 *
 * @param others options that the caller has beside those of every backend
 * @throws PciError `ERR_INVALID_ARGUMENT`
 */
export function checkOpenOptions(options: OpenOptions, others: readonly string[] = []): void {
  checkType("options", options, "object");
  checkNames("the open of a device", options, [...others, ...names]);
  const { domain, vfToken, requireReset } = options;
  if (domain !== undefined) checkMethods("domain", domain, ["attach", "map", "mapSync"]);
  if (vfToken !== undefined) checkType("vfToken", vfToken, "string", "pass a UUID as text");
  if (requireReset !== undefined) checkType("requireReset", requireReset, "boolean");
}
