import type { Failure } from "./failure.ts";
import type { Terminal } from "./terminal.ts";

/** How a result is printed: for people, as one object, or as lines. */
export type Form = "text" | "json" | "jsonl";

/** A result as one line of JSON, indented for people where `indent` is set. Bigints become text such as `"0xfee00000"`. */
export function toJson(value: unknown, indent = 0): string {
  return `${JSON.stringify(value, (_key, part) => (typeof part === "bigint" ? hex(part) : part), indent)}\n`;
}

/** A number in hexadecimal, `0x` included, with at least so many digits. */
export function hex(value: bigint | number, digits = 1): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}

/** Prints an error for programs. */
export function writeFailure(failure: Failure, terminal: Terminal, form: Exclude<Form, "text">): void {
  terminal.write(toJson({ schema: "userpci:error/1", error: failure }, form === "json" ? 2 : 0));
}
