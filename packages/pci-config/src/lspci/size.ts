const units = ["", "K", "M", "G", "T"];

/** A size as ` [size=64K]`, in the largest unit that divides it; nothing for 0. */
export function sizeText(size: bigint): string {
  if (size <= 0n) return "";
  let unit = 0;
  let value = size;
  while (unit < units.length - 1 && value % 1024n === 0n) {
    value /= 1024n;
    unit++;
  }
  // lspci keeps 32 bits of the number.
  return ` [size=${BigInt.asUintN(32, value)}${units[unit]}]`;
}
