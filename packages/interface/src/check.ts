import { PciError } from "./errors.ts";

/** A value for a message: `5n`, `"x"`, `an object`. */
export function formatValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  return Array.isArray(value) ? "an array" : "an object";
}

/** What {@link checkType} tells apart: `typeof`, where `object` is neither null nor an array. */
export type CheckedType = "string" | "boolean" | "bigint" | "object" | "function";

const hints: Readonly<Record<CheckedType, string>> = {
  string: 'pass text in quotes, such as "0000:00:04.0" for an address',
  boolean: "pass true or false",
  bigint: "write a bigint, such as 0x1000n, or make one of a number: BigInt(value)",
  object: "pass an object with named properties",
  function: "pass a function, such as (value) => console.log(value)",
};

/**
 * Lets values of one type through.
 *
 * @param name what the value is, as the reader of the message would call it
 * @param hint what to pass. Default: such a value
 * @throws PciError `ERR_INVALID_ARGUMENT`
 */
export function checkType(name: string, value: unknown, type: CheckedType, hint?: string): void {
  if (typeof value === type && value !== null && !Array.isArray(value)) return;
  const wanted = type === "object" ? "an object" : `a ${type}`;
  throw new PciError("ERR_INVALID_ARGUMENT", `${name} must be ${wanted}, not ${formatValue(value)}`, {
    hint: hint ?? hints[type],
  });
}

/**
 * Lets objects through that have methods, by which objects of other packages and versions are known.
 *
 * @param name what the value is, as the reader of the message would call it
 * @param hint what to pass. Default: an object with the methods
 * @throws PciError `ERR_INVALID_ARGUMENT`
 */
export function checkMethods<T extends object>(
  name: string,
  value: T,
  methods: readonly (string & keyof T)[],
  hint?: string,
): void {
  checkType(name, value, "object", hint);
  const missing = methods.find((method) => typeof value[method] !== "function");
  if (missing === undefined) return;
  throw new PciError("ERR_INVALID_ARGUMENT", `${name} has no ${missing}()`, {
    hint: hint ?? `pass an object with the methods ${methods.join(", ")}`,
  });
}

/**
 * Lets objects through all of whose properties are known: any other would be ignored without a word. One that is undefined counts
 * as absent. Known ones are not looked at. What is of a class, and no literal, may have fields of its own.
 *
 * @param owner whose properties they are, as the reader of the message would call it: `openDevice`
 * @param known an object that has them all, whatever their values
 * @param noun what one of them is. Default: an option
 * @throws PciError `ERR_INVALID_ARGUMENT`
 */
export function checkNames<T extends object>(
  owner: string,
  given: T,
  known: Readonly<Record<keyof NoInfer<T>, unknown>>,
  noun = "option",
): void {
  if (isOfClass(given)) return;
  const isOdd = (name: string): boolean =>
    !Object.hasOwn(known, name) && given[name as keyof T] !== undefined;
  const odd = Object.keys(given).find(isOdd);
  if (odd === undefined) return;
  throw new PciError("ERR_INVALID_ARGUMENT", `${owner} has no ${noun} ${formatValue(odd)}`, {
    hint: `it has ${Object.keys(known).join(", ")}`,
  });
}

/** Literals of other realms, such as those of a prompt, are none. */
function isOfClass(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value);
  return prototype !== null && Object.getPrototypeOf(prototype) !== null && !Array.isArray(value);
}

/**
 * Lets one of several texts through, and undefined.
 *
 * @param name what the value is, as the reader of the message would call it
 * @throws PciError `ERR_INVALID_ARGUMENT`
 */
export function checkChoice(name: string, value: string | undefined, choices: readonly string[]): void {
  if (value === undefined || choices.includes(value)) return;
  throw new PciError("ERR_INVALID_ARGUMENT", `${name} is ${formatValue(value)}`, {
    hint: `one of ${choices.map((choice) => JSON.stringify(choice)).join(", ")}`,
  });
}

/**
 * Returns `value` if it is an integer in `[min, max]`.
 *
 * @param name what the value is, as the reader of the message would call it
 * @throws PciError `ERR_INVALID_ARGUMENT` if it is not an integer, `ERR_OUT_OF_RANGE` if it is outside
 */
export function checkInteger(name: string, value: number, min: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw noIntegerWithin(name, value, min, max);
}

/** Apart from the check, which V8 takes into its callers only while it is small: this is on the way to each interrupt. */
function noIntegerWithin(name: string, value: number, min: number, max: number): PciError {
  const range = `${min} to ${max}`;
  if (!Number.isSafeInteger(value)) {
    return new PciError("ERR_INVALID_ARGUMENT", `${name} must be an integer, not ${formatValue(value)}`, {
      hint: `pass an integer from ${range}`,
    });
  }
  return new PciError("ERR_OUT_OF_RANGE", `${name} is ${value}, outside ${range}`, {
    hint: max < min ? "nothing fits here" : `pass an integer from ${range}`,
  });
}

/**
 * Returns `value` if it is a multiple of `alignment`.
 *
 * @param name what the value is, as the reader of the message would call it
 * @throws PciError `ERR_MISALIGNED`, with the multiples on both sides as hint; `ERR_INVALID_ARGUMENT` for no integer
 */
export function checkAligned(name: string, value: number, alignment: number): number {
  if (!Number.isSafeInteger(value)) {
    throw new PciError("ERR_INVALID_ARGUMENT", `${name} must be an integer, not ${formatValue(value)}`, {
      hint: `pass a multiple of ${alignment}`,
    });
  }
  const excess = value % alignment;
  if (excess !== 0) {
    const below = value - excess;
    throw new PciError(
      "ERR_MISALIGNED",
      `${name} is 0x${value.toString(16)}, not a multiple of ${alignment}`,
      { hint: `use 0x${below.toString(16)} or 0x${(below + alignment).toString(16)}` },
    );
  }
  return value;
}

/**
 * Returns `value` if it is a power of two in `[1, max]`.
 *
 * @param name what the value is, as the reader of the message would call it
 * @param max a power of two, at most 2^63
 * @throws PciError `ERR_INVALID_ARGUMENT`, with the powers on both sides as hint; `ERR_OUT_OF_RANGE` if it is outside
 */
export function checkPowerOfTwo(name: string, value: number, max = 2 ** 63): number {
  if (!Number.isInteger(value)) {
    throw new PciError("ERR_INVALID_ARGUMENT", `${name} must be an integer, not ${formatValue(value)}`, {
      hint: `pass a power of two from 1 to 2^${Math.log2(max)}`,
    });
  }
  if (value < 1 || value > max) {
    throw new PciError("ERR_OUT_OF_RANGE", `${name} is ${value}, outside 1 to 2^${Math.log2(max)}`, {
      hint: "pass a power of two in that range, such as 4096",
    });
  }
  if (isPowerOfTwo(value)) return value;
  const below = 2 ** Math.floor(Math.log2(value));
  throw new PciError("ERR_INVALID_ARGUMENT", `${name} is ${value}, not a power of two`, {
    hint: `use ${below} or ${2 * below}`,
  });
}

/** @param value an integer above 0 */
function isPowerOfTwo(value: number): boolean {
  const isSmall = value === (value | 0);
  return isSmall ? (value & (value - 1)) === 0 : 2 ** Math.round(Math.log2(value)) === value;
}
