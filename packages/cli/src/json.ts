/** A result as one line of JSON, indented for people where `indent` is set. Bigints become text such as `"0xfee00000"`. */
export function toJson(value: unknown, indent = 0): string {
  return `${JSON.stringify(value, (_key, part) => (typeof part === "bigint" ? hex(part) : part), indent)}\n`;
}

/** A number in hexadecimal, `0x` included, with at least so many digits. */
export function hex(value: bigint | number, digits = 1): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}
