import { formatValue } from "../check.ts";
import { isPciError } from "../errors.ts";

/** What hostile values throw when they are looked into: the caller's own error, which may go through as it is. */
export class HostileError extends Error {
  override readonly name = "HostileError";
}

function hostile(): never {
  throw new HostileError("thrown by the caller's own code");
}

/** An object of which no property can be read. */
export const unreadable: object = new Proxy({}, { get: hostile });

/** Values of every type that are no count, index, size or address. Computing with some of them throws, or calls code. */
export const oddValues: readonly unknown[] = [
  null,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  0.5,
  2 ** 53,
  1e300,
  0n,
  1n,
  -1n,
  1n << 70n,
  "1",
  "",
  true,
  Symbol("s"),
  {},
  [],
  [1],
  () => 1,
  { valueOf: () => 1 },
  { valueOf: hostile, toString: hostile },
  Object.create(null),
  unreadable,
];

/** An object that shows another value of a property at each look, and the last of them for ever. */
export function changing(name: string, ...values: readonly unknown[]): object {
  let looks = 0;
  const get = (): unknown => values[Math.min(looks++, values.length - 1)];
  return Object.defineProperty({}, name, { get, enumerable: true });
}

/** What is wrong with an error that a user may see, or undefined if it says what to do. */
export function wrongError(error: unknown): string | undefined {
  if (error instanceof HostileError) return undefined;
  if (!isPciError(error)) return `no PciError: ${String(error)}`;
  return error.hint === undefined ? `no hint in ${error.code}: ${error.message}` : undefined;
}

/**
 * Calls each function with each value, which it is to refuse.
 *
 * @param calls by what they are called in the answer
 * @returns a line for each that answered, or whose error is none that a user may see
 */
export function wrongAnswers(
  calls: Readonly<Record<string, (odd: never) => unknown>>,
  values: readonly unknown[] = oddValues,
): string[] {
  return Object.entries(calls).flatMap(([name, call]) =>
    values.flatMap((value) => {
      const wrong = wrongAnswer(() => call(value as never));
      return wrong === undefined ? [] : [`${name} of ${formatValue(value)}: ${wrong}`];
    }),
  );
}

function wrongAnswer(call: () => unknown): string | undefined {
  try {
    return `answered ${formatValue(call())}`;
  } catch (error) {
    return wrongError(error);
  }
}
