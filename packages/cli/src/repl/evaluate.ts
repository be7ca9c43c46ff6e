import { createRequire } from "node:module";
import { join } from "node:path";
import { inspect, types } from "node:util";
import { constants, createContext, runInContext, Script } from "node:vm";
import { isPciError, PciError } from "@userpci/interface";

/** Runs a script in which the names of a session are known. A promise is waited for. */
export type Evaluate = (script: Script) => Promise<unknown>;

/** An evaluator. What a script gives to `globalThis`, the next ones have too. */
export function evaluatorOf(names: object): Evaluate {
  const context = createContext({});
  // What the language itself has, the context has of its own; what Node adds to it is taken over, as Node's REPL does.
  const own = new Set<string>(runInContext("Object.getOwnPropertyNames(globalThis)", context));
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    if (own.has(name) || name === "global") continue;
    Object.defineProperty(context, name, Object.getOwnPropertyDescriptor(globalThis, name)!);
  }
  const require = createRequire(join(process.cwd(), "expression"));
  Object.defineProperties(Object.assign(context, { console, global: context, require }), {
    ...Object.getOwnPropertyDescriptors(names),
  });
  return async (script) => await script.runInContext(context);
}

/** The error for what an expression has thrown, which is no fault of this program; one of ours stays as it is. */
export function thrownBy(source: string, thrown: unknown): PciError {
  if (isPciError(thrown)) return thrown;
  // Those of the language are of another context: no instances of our Error.
  const text = types.isNativeError(thrown) ? `${thrown.name}: ${thrown.message}` : inspect(thrown);
  return new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(source)} threw ${text}`, {
    hint: "the expression did that itself; userpci repl --help shows examples",
  });
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
  return new Script(`(async () => ${body})()`, {
    filename: "expression",
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
}
