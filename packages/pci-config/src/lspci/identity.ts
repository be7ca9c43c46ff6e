import { ConfigBytes } from "./config-bytes.ts";
import type { LspciDevice } from "./device.ts";
import { realSubsystem, type Subsystem, subsystemOf } from "./subsystem.ts";

/** What a function is. */
export interface Identity {
  readonly vendor: number;
  readonly device: number;
  /** Base class and sub-class. */
  readonly classCode: number;
  readonly programmingInterface: number;
  readonly revision: number;
  readonly subsystem: Subsystem | undefined;
}

/** What a function says of itself; where the system knows better, as of a virtual function, its word counts. */
export function identityOf(
  device: LspciDevice,
  busCentric: boolean,
  config = new ConfigBytes(device.bytes),
): Identity {
  const known = busCentric ? undefined : device.system?.identity;
  return {
    vendor: known?.vendor ?? config.read16(0x00),
    device: known?.device ?? config.read16(0x02),
    classCode: known?.classCode ?? config.read16(0x0a),
    programmingInterface: known?.programmingInterface ?? config.read8(0x09),
    revision: known?.revision ?? config.read8(0x08),
    subsystem: known?.subsystem ? realSubsystem(known.subsystem) : subsystemOf(config),
  };
}
