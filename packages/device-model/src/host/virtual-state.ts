import type { VirtualConfigSpace } from "@userpci/pci-config/virtual";

/** The bits of each byte that are kept for the user and that the user may write: what the device does not have. */
function keptBits({ size, structures }: VirtualConfigSpace): Uint8Array<ArrayBuffer> {
  const masks = new Uint8Array(size);
  for (const { offset, length, rules, spec } of structures) {
    if (spec.others.virtual && spec.others.writable) masks.fill(0xff, offset, offset + length);
    for (const { offset: at, width, bits, virtual, writable } of rules) {
      for (let byte = 0; byte < width / 8 && at + byte < length; byte++) {
        const part = (bits >>> (8 * byte)) & 0xff;
        const before = masks[offset + at + byte]!;
        masks[offset + at + byte] = virtual && writable ? before | part : before & ~part;
      }
    }
  }
  return masks;
}

/** What a virtual config space keeps for its user: BARs, Interrupt Disable, the message of MSI. As many bytes as it has. */
export function saveVirtual(space: VirtualConfigSpace): Uint8Array<ArrayBuffer> {
  return keptBits(space).map((mask, at) => (mask === 0 ? 0 : space.read8(at) & mask));
}

/** Takes up {@link saveVirtual}'s. What a write to them makes the provider do, it does. */
export function loadVirtual(space: VirtualConfigSpace, bytes: Uint8Array): void {
  for (const [at, mask] of keptBits(space).entries()) {
    if (mask === 0) continue;
    const before = space.read8(at);
    const value = (before & ~mask) | (bytes[at]! & mask);
    if (value !== before) space.write8(at, value);
  }
}
