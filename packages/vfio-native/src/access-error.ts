import { PciError } from "@userpci/interface";

/**
 * What is wrong with an access of `width` bytes at `offset`, or undefined if nothing is.
 *
 * @param name of the region, for the message
 * @param size of the region in bytes
 */
export function accessError(name: string, size: number, offset: number, width: number): PciError | undefined {
  if (!Number.isSafeInteger(offset)) {
    return new PciError("ERR_INVALID_ARGUMENT", `an offset into ${name} must be an integer, not ${offset}`, {
      hint: "pass bytes from the region's start, a whole number",
    });
  }
  const at = offset < 0 ? `-0x${(-offset).toString(16)}` : `0x${offset.toString(16)}`;
  if (offset < 0 || offset + width > size) {
    return new PciError(
      "ERR_OUT_OF_RANGE",
      `${width} bytes at offset ${at} are outside ${name}, which has 0x${size.toString(16)} bytes`,
      { hint: `the last access of this width is at 0x${Math.max(0, size - width).toString(16)}` },
    );
  }
  if (offset % width !== 0) {
    return new PciError("ERR_MISALIGNED", `offset ${at} of ${name} is not a multiple of ${width}`, {
      hint: `a ${width * 8}-bit register access is one access, so it must be naturally aligned`,
    });
  }
  return undefined;
}
