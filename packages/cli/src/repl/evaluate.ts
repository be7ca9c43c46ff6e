import { Session } from "node:inspector/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { inspect, types } from "node:util";
import { type Context, constants, createContext, runInContext, Script } from "node:vm";
import { isPciError, PciError } from "@userpci/interface";

/** Evaluates a source in which the names of a session are known. What it declares the next ones have too. A promise is waited for. */
export type Evaluate = (source: string) => Promise<unknown>;

/** Finds the module that an expression imports as Node finds any. */
const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;

/** An evaluator. */
export async function evaluatorOf(names: object): Promise<Evaluate> {
  const name = `userpci repl ${crypto.randomUUID()}`;
  const context = createContext({}, { name, importModuleDynamically });
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
  return evaluatorIn(context, name);
}

const taken = Symbol.for("@userpci/cli/evaluated");

/**
 * V8 evaluates for prompts by itself, of which only its inspector knows: the value is that of the last statement, declarations stay, and `await` is
 * for everybody (`replMode` of Runtime.evaluate, Chrome DevTools Protocol).
 */
async function evaluatorIn(context: Context, name: string): Promise<Evaluate> {
  const session = new Session();
  session.connect();
  let contextId = 0;
  session.on("Runtime.executionContextCreated", ({ params }) => {
    if (params.context.name === name) contextId = params.context.id;
  });
  // It tells of all contexts, and would keep what is printed if it were left on.
  await session.post("Runtime.enable");
  await session.post("Runtime.disable");
  let value: unknown;
  const take = (given: unknown): void => {
    value = given;
  };
  Object.defineProperty(context, taken, { value: take });
  return async (source) => {
    const expression = isObject(source) ? `(${source}\n)` : source;
    const evaluated = await session.post("Runtime.evaluate", {
      ...{ expression, contextId, replMode: true, awaitPromise: true },
    });
    const { exceptionDetails, result } = evaluated;
    // The protocol has a description of it; the value itself is handed over by a function.
    const functionDeclaration = `function (value) { globalThis[Symbol.for("${Symbol.keyFor(taken)}")](value); }`;
    const { objectId, unserializableValue, value: plain } = exceptionDetails?.exception ?? result;
    await session.post("Runtime.callFunctionOn", {
      functionDeclaration,
      executionContextId: contextId,
      arguments: [
        { value: plain, ...(objectId && { objectId }), ...(unserializableValue && { unserializableValue }) },
      ],
    });
    if (exceptionDetails !== undefined) throw value;
    return await value;
  };
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
 * Looks whether a source is JavaScript, which may wait at its top.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for what is none
 */
export function checkSource(source: string): void {
  if (isObject(source)) return;
  try {
    new Script(source);
  } catch (cause) {
    if (/\bawait\b/.test(source) && parses(`(async () => {${source}\n})`)) return;
    const message = `${JSON.stringify(source)} is no JavaScript: ${(cause as Error).message}`;
    throw new PciError("ERR_INVALID_ARGUMENT", message, {
      hint: "userpci repl --help shows examples",
      cause,
    });
  }
}

/** Whether a source is an object in braces, which as a statement would be a block. Node's REPL goes by the first character too. */
const isObject = (source: string): boolean => /^\s*\{/.test(source) && parses(`(async () => (${source}\n))`);

function parses(source: string): boolean {
  try {
    new Script(source);
    return true;
  } catch {
    return false;
  }
}
