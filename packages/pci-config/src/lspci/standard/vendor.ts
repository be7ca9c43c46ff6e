import { INTEL } from "../../capabilities/intel.ts";
import { vendor } from "../../capabilities/vendor.ts";
import { isVirtioFunction, VIRTIO_LENGTH, virtioCapability, virtioTypes } from "../../capabilities/virtio.ts";
import type { CapabilityPrinter, CapabilityText } from "../capability-text.ts";
import { hex } from "../line.ts";
import { intelText, unknownVendorText } from "./intel.ts";

/** What a virtio region holds, by its type. */
const regions: Readonly<Record<number, string>> = {
  1: "CommonCfg",
  2: "Notify",
  3: "ISR",
  4: "DeviceCfg",
  8: "SharedMemory",
};
/** Bytes of the capability of a notification region. */
const NOTIFY_LENGTH = 0x14;

/** Vendor-specific capabilities, by their vendors. */
export const vendorText: CapabilityPrinter = (capability) => {
  const length = capability.read(vendor.registers.length);
  const head = "Vendor Specific Information: ";
  const { vendor: id, device } = capability.identity;
  if (id === INTEL) return head + intelText(capability, length);
  const virtio = isVirtioFunction(id, device) && length >= VIRTIO_LENGTH;
  if (virtio && capability.has(0, length)) return head + virtioText(capability, length);
  return head + unknownVendorText(length);
};

function virtioText(capability: CapabilityText, length: number): string {
  const r = virtioCapability;
  const type = capability.read(r.type);
  const head = `VirtIO: ${regions[type] ?? "<unknown>"}\n`;
  if (!capability.verbose) return head;
  const place = `${head}\t\tBAR=${capability.read(r.bar)}`;
  const [offset, size] = [hex(capability.read(r.offset), 8), hex(capability.read(r.size), 8)];
  if (type === virtioTypes.sharedMemory) {
    const [offsetHi, sizeHi] = [hex(capability.read(r.offsetHi), 8), hex(capability.read(r.sizeHi), 8)];
    return `${place} offset=${offsetHi}${offset} size=${sizeHi}${size} id=${capability.read(r.id)}\n`;
  }
  const more = type === virtioTypes.notify && length >= NOTIFY_LENGTH;
  const multiplier = more ? ` multiplier=${hex(capability.read(r.multiplier), 8)}` : "";
  return `${place} offset=${offset} size=${size}${multiplier}\n`;
}
