import { buildSpace } from "../builder/build.ts";
import { bytesRegion } from "../bytes.ts";
import { type ConfigSpace, configOf } from "../config.ts";
import { type ExtendedCapabilityName, extendedCapabilities } from "../extended.ts";
import { STANDARD_SIZE } from "../walk.ts";

/** An endpoint with one extended capability, whose bytes behind its header are little-endian dwords. */
export function withExtended(
  name: ExtendedCapabilityName,
  dwords: readonly number[],
  version = 1,
): ConfigSpace {
  const bytes = buildSpace({ vendorId: 0x1234, deviceId: 0x5678, capabilities: [{ name: "pcie" }] });
  const region = bytesRegion(bytes);
  region.write32(STANDARD_SIZE, (version << 16) | extendedCapabilities[name].id);
  for (const [index, dword] of dwords.entries()) region.write32(STANDARD_SIZE + 4 + 4 * index, dword);
  return configOf(region);
}
