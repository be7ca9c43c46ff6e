import { formatValue } from "./check.ts";
import { PciError } from "./errors.ts";

/**
 * What is wrong with an access of `width` bytes at `offset` of a region, or undefined if nothing is: every region refuses
 * the same with the same words.
 *
 * @param name of the region, for the message
 * @param size of the region in bytes
 */
export function accessError(name: string, size: number, offset: number, width: number): PciError | undefined {
  if (!Number.isSafeInteger(offset)) {
    return new PciError(
      "ERR_INVALID_ARGUMENT",
      `an offset into ${name} must be an integer, not ${formatValue(offset)}`,
      { hint: "pass bytes from the region's start, a whole number" },
    );
  }
  const at = offset < 0 ? `-0x${(-offset).toString(16)}` : `0x${offset.toString(16)}`;
  if (offset < 0 || offset + width > size) {
    const last = Math.floor(size / width) * width - width;
    return new PciError(
      "ERR_OUT_OF_RANGE",
      `${width} bytes at offset ${at} are outside ${name}, which has 0x${size.toString(16)} bytes`,
      {
        hint:
          last < 0
            ? `it has no ${width * 8}-bit registers`
            : `the last access of this width is at 0x${last.toString(16)}`,
      },
    );
  }
  if (offset % width !== 0) {
    return new PciError("ERR_MISALIGNED", `offset ${at} of ${name} is not a multiple of ${width}`, {
      hint: `a ${width * 8}-bit register access is one access, so it must be naturally aligned`,
    });
  }
  return undefined;
}

/**
 * What is wrong with a value to write to a register, or undefined if nothing is: `write64` takes a bigint, the others a
 * number, of which they write the low bits.
 *
 * @param name of the region, for the message
 * @param offset where it is to be written, which {@link accessError} has found nothing wrong with
 * @param width of the access in bytes
 * @param value what the caller passed, of whatever type it is
 */
export function valueError(
  name: string,
  offset: number,
  width: number,
  value: number | bigint,
): PciError | undefined {
  const type = width === 8 ? "bigint" : "number";
  if (typeof value === type) return undefined;
  return new PciError(
    "ERR_INVALID_ARGUMENT",
    `write${width * 8} at offset 0x${offset.toString(16)} of ${name} takes a ${type}, not ${formatValue(value)}`,
    {
      hint:
        type === "bigint"
          ? "write the value as a bigint, such as 5n, or convert it: BigInt(value)"
          : "pass a number; of a bigint: Number(BigInt.asUintN(32, value))",
    },
  );
}
