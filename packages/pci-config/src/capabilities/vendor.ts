import type { Region } from "@userpci/interface";
import { capability } from "../capability.ts";
import { commonHeader } from "../header.ts";
import { type RegisterSpec, value } from "../table.ts";
import { INTEL, INTEL_CAPABILITIES, intelCapabilities, intelHeader } from "./intel.ts";
import { isVirtioFunction, VIRTIO_LENGTH, virtioCapability, virtioTypes } from "./virtio.ts";

const length = value(0x02, 8, "7.9.4", "Capability length, in bytes", "RO");

/** Whose content it is: virtio's by the type of its region, or Intel's by its version and the dwords that it has. */
function* traitsOf(region: Region, offset: number): Generator<string> {
  const vendorId = region.read16(commonHeader.vendorId.offset);
  const deviceId = region.read16(commonHeader.deviceId.offset);
  const bytes = region.read8(offset + length.offset);
  const content = region.read8(offset + length.offset + 1);
  if (isVirtioFunction(vendorId, deviceId) && bytes >= VIRTIO_LENGTH) {
    yield "virtio";
    if (content === virtioTypes.notify && bytes > virtioCapability.multiplier.offset) yield "virtioNotify";
    if (content === virtioTypes.sharedMemory && bytes > virtioCapability.sizeHi.offset) yield "virtioShared";
  } else if (vendorId === INTEL) {
    yield "intel";
    if (content !== INTEL_CAPABILITIES) return;
    for (let dword = 1; 4 * (dword + 1) <= bytes; dword++) yield `intel${dword}`;
  }
}

function only<S extends RegisterSpec, const W extends string>(
  when: W,
  spec: S,
): Omit<S, "when"> & { when: W } {
  return { ...spec, when };
}

const { a, b, c } = intelCapabilities;

/** Vendor-specific (section 7.9.4): a length byte, then what the vendor likes. What virtio and Intel keep there is known. */
export const vendor = capability({
  id: 0x09,
  title: "Vendor Specific",
  traits: traitsOf,
  length: (region, offset) => region.read8(offset + length.offset),
  minimum: 3,
  registers: {
    length,
    virtioType: only("virtio", virtioCapability.type),
    virtioBar: only("virtio", virtioCapability.bar),
    virtioId: only("virtio", virtioCapability.id),
    virtioOffset: only("virtio", virtioCapability.offset),
    virtioSize: only("virtio", virtioCapability.size),
    virtioMultiplier: only("virtioNotify", virtioCapability.multiplier),
    virtioOffsetHi: only("virtioShared", virtioCapability.offsetHi),
    virtioSizeHi: only("virtioShared", virtioCapability.sizeHi),
    intelHeader: only("intel", intelHeader),
    intelA: only("intel1", a),
    intelB: only("intel2", b),
    intelC: only("intel3", c),
  },
});
