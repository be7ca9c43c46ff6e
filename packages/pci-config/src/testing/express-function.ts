import { buildSpace } from "../builder/build.ts";
import type { ExtendedCapabilityToBuild, RegisterValues } from "../builder/index.ts";
import { bytesRegion } from "../bytes.ts";
import { type ConfigSpace, configOf } from "../config.ts";
import type { standardCapabilities } from "../standard.ts";

/** Registers of the PCI Express capability. */
export type PcieRegisters = RegisterValues<(typeof standardCapabilities)["pcie"]["registers"]>;

/** The 4096 bytes of a function with a PCI Express capability of these registers, and extended ones from 0x100 on. */
export function expressBytes(
  pcie: PcieRegisters,
  ...extendedCapabilities: readonly ExtendedCapabilityToBuild[]
): Uint8Array<ArrayBuffer> {
  return buildSpace({
    vendorId: 0x1234,
    deviceId: 0x5678,
    capabilities: [{ name: "pcie", registers: pcie }],
    extendedCapabilities,
  });
}

/** The same, decoded; writes change its own bytes. */
export function expressFunction(...given: Parameters<typeof expressBytes>): ConfigSpace {
  return configOf(bytesRegion(expressBytes(...given)));
}
