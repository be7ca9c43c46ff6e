import { PciError, type Region } from "@userpci/interface";
import type { BarShape } from "../bar-shape.ts";
import type { ConfigSpace } from "../config.ts";
import { extendedCapabilities } from "../extended.ts";
import { endOf, fieldOf, withField } from "../table.ts";

/** Ids that a virtual function does not have in its own config space, which reads ffff. */
export interface FunctionIds {
  readonly vendorId: number;
  readonly deviceId: number;
}

/**
 * What a provider does for the user when a write asks for more than storing bits. Each has a default that works with the
 * device's config space alone, but for the reset and the VPD, which then do not happen.
 */
export interface Provider {
  /** Interrupt Disable was switched. Default: the bit of the device, if {@link VirtualDevice.intx} is `maskable`. */
  setInterruptDisable(disabled: boolean): void;
  /** A power state, 0 to 3, was asked for. Default: the field of the device, if the device has the state. */
  setPowerState(state: number): void;
  /** A reset of the function was asked for, which has one. Its config space must be as before when this returns. */
  reset(): void;
  /** A read request limit in bytes was asked for, at least the device's payload limit. Default: the field of the device. */
  setMaximumReadRequest(bytes: number): void;
  /** Reads 32 bits of the vital product data; undefined if it cannot. Then the transfer never ends for the user. */
  readVpd(address: number): number | undefined;
  /** Writes 32 bits of the vital product data. @returns whether it did */
  writeVpd(address: number, value: number): boolean;
  /** How many MSI vectors the user has asked for and got, by other means than this space; 0 while MSI is not in use. Default: 0. */
  msiVectors(): number;
}

/** The device under a virtual config space. */
export interface VirtualDevice {
  /** Its own config space. */
  readonly region: Region;
  /** BARs by number; the upper half of a 64-bit one, and what is not there, undefined. See `barShapes`. */
  readonly bars?: readonly (BarShape | undefined)[];
  /** Bytes of the expansion ROM; 0 for none. */
  readonly romSize?: number;
  /** Set for a virtual function: the ids to show. See {@link virtualFunctionIds}. */
  readonly virtualFunction?: FunctionIds;
  /** Whether the line can be masked in the device (row R10), can be used at all, or is not offered. Default `maskable`. */
  readonly intx?: "maskable" | "unmaskable" | "none";
  readonly provider?: Partial<Provider>;
}

/**
 * The ids that virtual functions of a physical function have: its vendor, and the VF Device ID of its SR-IOV capability
 * (section 9.3.3.11).
 *
 * @throws PciError `ERR_CAPABILITY` if it has no such capability, or a cut-off one
 */
export function virtualFunctionIds(physicalFunction: ConfigSpace): FunctionIds {
  const sriov = physicalFunction.findExtended("sriov");
  if (!sriov || sriov.length < endOf(extendedCapabilities.sriov.registers.vfDeviceId)) {
    throw new PciError(
      "ERR_CAPABILITY",
      "the function has no SR-IOV capability that could tell the VF Device ID",
      {
        hint: "give the config space of the physical function, all 4096 bytes",
      },
    );
  }
  return {
    vendorId: physicalFunction.vendorId,
    deviceId: sriov.vfDeviceId,
  };
}

/**
 * Whether the function's line can be masked in the device: it has a pin, and Interrupt Disable keeps what is written to it (row R10,
 * PCI 2.3). Writes the bit and puts it back.
 */
export function canMaskIntx(config: ConfigSpace): boolean {
  if (config.interruptPin === 0) return false;
  const { command } = config;
  const { interruptDisable } = command.spec.fields;
  const before = command.raw;
  const wanted = 1 - fieldOf(interruptDisable, before);
  command.write(withField(interruptDisable, before, wanted));
  const kept = fieldOf(interruptDisable, command.raw) === wanted;
  command.write(before);
  return kept;
}
