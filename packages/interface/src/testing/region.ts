import { formatValue } from "../check.ts";
import { type ErrorCode, isPciError } from "../errors.ts";
import type { Region } from "../region.ts";

/** What {@link wrongRefusals} is told of a region. */
export interface RefusalOptions {
  /** Whether it can be accessed 64 bits at a time. Default true. */
  readonly has64?: boolean;
}

interface Width {
  readonly bits: 8 | 16 | 32 | 64;
  /** One that can be written. */
  readonly value: number | bigint;
  /** Some that cannot. */
  readonly wrong: readonly unknown[];
}

const notNumbers = [undefined, null, 5n, "5", {}, [5], true, Symbol("5")];
const notBigints = [undefined, null, 5, "5", {}, [5n], true, Symbol("5")];
const notOffsets = [
  undefined,
  null,
  0n,
  "0",
  {},
  [0],
  true,
  Symbol("0"),
  Number.NaN,
  0.5,
  4.5,
  8.25,
  Infinity,
];

const widths: readonly Width[] = [
  { bits: 8, value: 0x5a, wrong: notNumbers },
  { bits: 16, value: 0x5a5a, wrong: notNumbers },
  { bits: 32, value: 0x5a5a_5a5a, wrong: notNumbers },
  { bits: 64, value: 0x5a5a_5a5a_5a5a_5a5an, wrong: notBigints },
];

/**
 * Tries everything that a region must refuse whatever it reaches: offsets outside, misaligned or of another type, and
 * values of another type. It should be open, at least 16 bytes long and below 2 GiB, and have nothing written afterwards.
 *
 * @returns what was not refused with the code of the contract, a sentence each; empty for a sound region
 */
export function wrongRefusals(region: Region, { has64 = true }: RefusalOptions = {}): string[] {
  const wrong: string[] = [];
  const expectCode = (code: ErrorCode, method: `${"read" | "write"}${Width["bits"]}`, ...args: unknown[]) => {
    const got = outcomeOf(() => (region[method] as (...args: unknown[]) => unknown)(...args));
    if (got !== code) wrong.push(`${method}(${args.map(formatValue).join(", ")}) gave ${got}, not ${code}`);
  };
  for (const { bits, value, wrong: values } of has64 ? widths : widths.slice(0, 3)) {
    const bytes = bits / 8;
    const refuse = (code: ErrorCode, offset: unknown) => {
      expectCode(code, `read${bits}`, offset);
      expectCode(code, `write${bits}`, offset, value);
    };
    for (const offset of [region.size, -1, -bytes, -(2 ** 32), 2 ** 31, 2 ** 32, 2 ** 40]) {
      refuse("ERR_OUT_OF_RANGE", offset);
    }
    for (const offset of bits === 8 ? [] : [1, bytes / 2, bytes + 1]) refuse("ERR_MISALIGNED", offset);
    for (const offset of notOffsets) refuse("ERR_INVALID_ARGUMENT", offset);
    for (const other of values) expectCode("ERR_INVALID_ARGUMENT", `write${bits}`, 0, other);
  }
  return wrong;
}

function outcomeOf(access: () => unknown): string {
  try {
    return formatValue(access());
  } catch (error) {
    return isPciError(error) ? error.code : String(error);
  }
}
