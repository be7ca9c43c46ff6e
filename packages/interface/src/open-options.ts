import type { OpenOptions } from "./backend.ts";
import { checkMethods, checkNames, checkType } from "./check.ts";

/**
 * Lets through how a device is to be opened. What a token looks like is the backend's to check.
 *
 * @param owner what opens, as the reader of a message would call it
 * @param more options that the caller takes beside those of every backend, for the hint
 * @throws PciError `ERR_INVALID_ARGUMENT`
 */
export function checkOpenOptions(owner: string, options: OpenOptions, more: object = {}): void {
  checkType("options", options, "object");
  const { domain, vfToken, requireReset } = options;
  checkNames(owner, options, { ...more, domain, vfToken, requireReset });
  if (domain !== undefined) checkMethods("domain", domain, ["attach", "map", "mapSync"]);
  if (vfToken !== undefined) checkType("vfToken", vfToken, "string", "pass a UUID as text");
  if (requireReset !== undefined) checkType("requireReset", requireReset, "boolean");
}
