import { createContext, Script } from "node:vm";
import { PciError } from "@userpci/interface";

/** Runs a script in which the names of a session are known. A promise is waited for. */
export type Evaluate = (script: Script) => Promise<unknown>;

/** An evaluator. What a script gives to `globalThis`, the next ones have too. */
export function evaluatorOf(names: object): Evaluate {
  const context = createContext(
    Object.defineProperties({ console }, Object.getOwnPropertyDescriptors(names)),
  );
  return async (script) => await script.runInContext(context);
}

/**
 * An expression, or else statements.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for what is no JavaScript
 */
export function compile(source: string): Script {
  try {
    return script(`(${source}\n)`);
  } catch (cause) {
    try {
      return script(`{${source}\n}`);
    } catch {
      const message = `${JSON.stringify(source)} is no JavaScript: ${(cause as Error).message}`;
      throw new PciError("ERR_INVALID_ARGUMENT", message, {
        hint: "userpci repl --help shows examples",
        cause,
      });
    }
  }
}

function script(body: string): Script {
  return new Script(`(async () => ${body})()`, { filename: "expression" });
}
