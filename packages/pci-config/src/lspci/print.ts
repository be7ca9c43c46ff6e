import { capabilitiesText } from "./capabilities.ts";
import type { PrintedDevice } from "./capability-text.ts";
import { ConfigBytes } from "./config-bytes.ts";
import type { LspciDevice } from "./device.ts";
import { headline } from "./headline.ts";
import type { LspciOptions } from "./options.ts";

/** A device as `lspci` prints it, without the address that its first line starts with. */
export function deviceText(device: LspciDevice, options: LspciOptions): string {
  const printed: PrintedDevice = { device, options, config: new ConfigBytes(device.bytes) };
  return `${headline(printed)}\n${options.verbosity > 0 ? capabilitiesText(printed) : ""}`;
}
