import { checkInteger, formatValue } from "./check.ts";
import { PciError } from "./errors.ts";
import type { IrqInfo } from "./irq.ts";

/**
 * Lets vectors through that a function has.
 *
 * @param start the first
 * @param count how many, 1 at least
 * @throws PciError `ERR_IRQ_COUNT`, with how many there are in `details.available`; `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for
 * what no function has
 */
export function checkVectors({ kind, count: available }: IrqInfo, start: number, count: number): void {
  checkInteger("the first vector", start, 0, 0xffff);
  checkInteger("the number of vectors", count, 1, 0xffff);
  if (start + count <= available) return;
  const asked = count === 1 ? `vector ${start}` : `vectors ${start} to ${start + count - 1}`;
  throw new PciError("ERR_IRQ_COUNT", `${kind} has ${available} vectors, ${asked} were asked for`, {
    hint: available === 0 ? `the function has no ${kind}` : `use vectors 0 to ${available - 1}`,
    details: { available },
  });
}

/**
 * Lets arrays of one element a vector through.
 *
 * @param name what the value is, as the reader of the message would call it
 * @throws PciError `ERR_INVALID_ARGUMENT`
 */
export function checkVectorArray(name: string, value: readonly unknown[]): void {
  if (Array.isArray(value)) return;
  throw new PciError("ERR_INVALID_ARGUMENT", `${name} must be an array, not ${formatValue(value)}`, {
    hint: "pass an array with one element a vector",
  });
}
