import { isAbsolute, join } from "node:path";
import { formatValue, PciError } from "@userpci/interface";

/** Where programs without a session of their own have their sockets: services that root runs. */
export const SYSTEM_DIRECTORY = "/run/userpci/telemetry";

/** What the environment says of telemetry. */
export interface TelemetryPlace {
  /** Whether programs that do not say themselves open a socket. */
  readonly wanted: boolean;
  /** Directory of the sockets. */
  readonly directory: string;
}

/**
 * Reads `USERPCI_TELEMETRY`: `1` opens a socket in `$XDG_RUNTIME_DIR/userpci`, or in `/run/userpci/telemetry` where that is not set;
 * the absolute path of a directory opens it there; `0`, or nothing, opens none.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for anything else
 */
export function telemetryPlace(env: NodeJS.ProcessEnv = process.env): TelemetryPlace {
  const { USERPCI_TELEMETRY: value = "", XDG_RUNTIME_DIR: runtime = "" } = env;
  const usual = isAbsolute(runtime) ? join(runtime, "userpci") : SYSTEM_DIRECTORY;
  if (value === "" || value === "0") return { wanted: false, directory: usual };
  if (value === "1") return { wanted: true, directory: usual };
  if (isAbsolute(value)) return { wanted: true, directory: value };
  throw new PciError("ERR_INVALID_ARGUMENT", `USERPCI_TELEMETRY is no directory: ${formatValue(value)}`, {
    hint: "set it to 1, to 0, or to the absolute path of a directory that is yours alone",
  });
}
