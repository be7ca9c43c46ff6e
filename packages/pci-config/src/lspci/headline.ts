import type { PrintedDevice } from "./capability-text.ts";
import type { ConfigBytes } from "./config-bytes.ts";
import { hex } from "./line.ts";
import { classTitle, deviceName } from "./names.ts";

/** The first line of a device, behind its address. */
export function headline(printed: PrintedDevice): string {
  const { config, options } = printed;
  const code = config.read16(0x0a);
  const name = deviceName(options, config.read16(0x00), config.read16(0x02));
  const revision = config.read8(0x08);
  const rev = revision ? ` (rev ${hex(revision, 2)})` : "";
  const prog = options.verbosity > 0 ? interfaceText(config, printed) : "";
  return `${classTitle(options, code)}: ${name}${rev}${prog}`;
}

function interfaceText(config: ConfigBytes, { options }: PrintedDevice): string {
  const number = config.read8(0x09);
  const name = options.ids.programmingInterface(config.read16(0x0a), number);
  if (number === 0 && name === undefined) return "";
  return ` (prog-if ${hex(number, 2)}${name === undefined ? "" : ` [${name}]`})`;
}
