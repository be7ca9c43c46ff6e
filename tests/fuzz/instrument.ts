import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import { createInstrumenter } from "istanbul-lib-instrument";
import { rolldown } from "rolldown";

/** What is fuzzed, by name. */
export type Operations = Readonly<Record<string, (input: Uint8Array) => void>>;

/** Operations that tell what they reach. */
export interface Instrumented {
  readonly operations: Operations;
  /** How many statements, branches and functions exist. */
  readonly places: number;
  /** How many of them were reached since the start. */
  reached(): number;
}

/** Bundles the operations and everything under it, as one script that leaves `fuzz` behind. */
export async function bundleOperations(): Promise<string> {
  const input = fileURLToPath(new URL("operations.js", import.meta.url));
  const bundle = await rolldown({ input, logLevel: "silent" });
  const { output } = await bundle.generate({ format: "iife", name: "fuzz" });
  await bundle.close();
  return output[0].code;
}

/** Names under which instrumented code counts, such as `cov_2kz().b[12][1]++`. */
const counter = /\bcov_\w+\(\)\.([sfb])\[(\d+)\](?:\[(\d+)\])?\+\+/g;

/**
 * Loads a bundle with its counters replaced by one array of marks. A counter of the instrumenter would have to be summed up
 * after each execution, and there are thousands; a mark counts itself when it is made, so asking costs nothing.
 */
export function loadInstrumented(code: string): Instrumented {
  const counting = createInstrumenter({ compact: true, esModules: false, coverageVariable: "unused" });
  const places = new Map<string, number>();
  const marking = counting.instrumentSync(code, "operations.js").replace(counter, (place: string) => {
    const known = places.get(place) ?? places.size;
    places.set(place, known);
    return `(__marks[${known}]||__mark(${known}))`;
  });
  const marks = new Uint8Array(places.size);
  let reached = 0;
  const mark = (place: number): void => {
    marks[place] = 1;
    reached++;
  };
  const script = new Script(`(__marks, __mark) => { ${marking}\n; return fuzz; }`, {
    filename: "operations.js",
  });
  // As parameters: a global would be looked up at each count.
  const load = script.runInThisContext() as (...args: unknown[]) => { operations: Operations };
  const { operations } = load(marks, mark);
  return { operations, places: places.size, reached: () => reached };
}
