/** One image of an expansion ROM: a function may carry several, for firmware of different kinds. */
export interface RomImage {
  /** Byte of the ROM at which it begins. */
  readonly offset: number;
  /** Bytes, a multiple of 512. */
  readonly length: number;
  readonly vendorId: number;
  readonly deviceId: number;
  /** 24 bits. */
  readonly classCode: number;
  /** For whom it is: `x86`, `open-firmware`, `pa-risc`, `efi`, `other`. */
  readonly kind: RomKind;
  /** Revision level of the code and data, as the vendor counts. */
  readonly revision: number;
  /** Whether the bytes of a PC-AT image add up to 0; undefined for other kinds, which have no such rule. */
  readonly checksumHolds?: boolean;
  /** Of an EFI image, whether it is compressed. */
  readonly compressed?: boolean;
}

/** What firmware an image is for. */
export type RomKind = "x86" | "open-firmware" | "pa-risc" | "efi" | "other";

/** What was found in an expansion ROM. */
export interface RomDescription {
  readonly images: readonly RomImage[];
  /** What ended the walk before the image that is marked as the last; undefined if nothing did. */
  readonly problem?: string;
}

/** Code types of the PCI data structure (PCI Firmware Specification 3.3, table 5-3). */
const kinds: readonly (RomKind | undefined)[] = ["x86", "open-firmware", "pa-risc", "efi"];

const SIGNATURE = 0xaa55;
const PCIR = 0x5249_4350;
const UNIT = 512;
/** Bytes of the ROM header that are looked at, and of the PCI data structure in its first form. */
const HEADER = 0x1a;
const STRUCTURE = 0x18;
/** An EFI ROM header says at 0x0c whether its image is compressed (UEFI Specification 2.10, section 14.4.2.1). */
const EFI_COMPRESSION = 0x0c;
const LAST = 0x80;

/**
 * Reads the headers of an expansion ROM's images, whatever its bytes are (PCI Firmware Specification 3.3, section 5.1; PCI 3.0, section 6.3.1).
 * An image ends where the next begins, and the walk at the image that is marked as the last.
 */
export function describeRom(bytes: Uint8Array): RomDescription {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const images: RomImage[] = [];
  for (let at = 0; ; ) {
    const found = imageAt(view, at);
    if (typeof found === "string") return { images, problem: found };
    const { isLast, ...image } = found;
    images.push(image);
    if (isLast) return { images };
    at += image.length;
  }
}

const hex = (value: number): string => `0x${value.toString(16)}`;

function imageAt(view: DataView, at: number): (RomImage & { isLast: boolean }) | string {
  if (at + HEADER > view.byteLength)
    return `the ROM ends at ${hex(view.byteLength)}, before an image that is the last`;
  if (view.getUint16(at, true) !== SIGNATURE)
    return `there is no image at ${hex(at)}: its first bytes are not 55 aa`;
  const structure = at + view.getUint16(at + 0x18, true);
  if (structure + STRUCTURE > view.byteLength || view.getUint32(structure, true) !== PCIR) {
    return `the image at ${hex(at)} has no PCI data structure at ${hex(structure)}`;
  }
  const length = view.getUint16(structure + 0x10, true) * UNIT;
  if (length === 0 || at + length > view.byteLength) {
    return `the image at ${hex(at)} has ${length} bytes, and ${view.byteLength - at} are left`;
  }
  const kind = kinds[view.getUint8(structure + 0x14)] ?? "other";
  return {
    offset: at,
    length,
    vendorId: view.getUint16(structure + 0x04, true),
    deviceId: view.getUint16(structure + 0x06, true),
    classCode: view.getUint32(structure + 0x0c, true) >>> 8,
    kind,
    revision: view.getUint16(structure + 0x12, true),
    ...(kind === "x86" && { checksumHolds: addsUp(view, at, length) }),
    ...(kind === "efi" && { compressed: view.getUint16(at + EFI_COMPRESSION, true) !== 0 }),
    isLast: (view.getUint8(structure + 0x15) & LAST) !== 0,
  };
}

function addsUp(view: DataView, at: number, length: number): boolean {
  let sum = 0;
  for (let byte = at; byte < at + length; byte++) sum += view.getUint8(byte);
  return (sum & 0xff) === 0;
}
