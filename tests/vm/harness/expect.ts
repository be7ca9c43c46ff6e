import { strict as assert } from "node:assert";
import { isPciError, type PciError } from "@userpci/interface";

/** Checks that an error is ours, has the code, and says what to do about it. */
function checkError(error: unknown, code: string): PciError {
  assert.ok(isPciError(error), `expected a PciError with ${code}, got ${String(error)}`);
  assert.equal(error.code, code, `${error.message} (${error.hint ?? "no hint"})`);
  assert.ok(error.hint, `${code} has no hint: ${error.message}`);
  return error;
}

/** Runs `call`, which must throw a PciError with `code` and a hint. */
export function expectCode(code: string, call: () => unknown): PciError {
  let result: unknown;
  try {
    result = call();
  } catch (error) {
    return checkError(error, code);
  }
  throw new assert.AssertionError({ message: `expected ${code}, got ${String(result)}` });
}

/** {@link expectCode} for a promise. */
export async function expectRejection(code: string, call: () => Promise<unknown>): Promise<PciError> {
  let result: unknown;
  try {
    result = await call();
  } catch (error) {
    return checkError(error, code);
  }
  throw new assert.AssertionError({ message: `expected ${code}, got ${String(result)}` });
}
