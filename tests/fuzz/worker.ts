/**
 * Executes one mutated input after the other, keeps those that reach something new, and reports the first that breaks an
 * operation.
 *
 * @packageDocumentation
 */
import { parentPort, workerData } from "node:worker_threads";
import { loadInstrumented } from "./instrument.ts";
import { mutate, Numbers } from "./mutate.ts";

/** What a worker is started with. */
export interface Job {
  readonly code: string;
  readonly executions: number;
  readonly seed: number;
  /** Inputs to begin with. */
  readonly corpus: readonly Uint8Array[];
  /** Written before each execution, so that a hang can be read from outside: {@link State}. */
  readonly state: SharedArrayBuffer;
}

/** What a worker reports in the end. */
export interface Outcome {
  readonly executions: number;
  readonly reached: number;
  readonly places: number;
  /** Inputs that reached something new. */
  readonly kept: readonly Uint8Array[];
  readonly finding?: Finding;
}

/** An input that broke an operation. */
export interface Finding {
  readonly operation: string;
  readonly input: Uint8Array;
  readonly error: string;
}

/** Words of the shared state, before the input's bytes. */
export const State = { executions: 0, operation: 1, length: 2, reached: 3, input: 16 } as const;

/** The first message of a worker: the names of the operations, by the numbers that the state has. */
export type Names = readonly string[];

function run({ code, executions, seed, corpus, state }: Job): Outcome {
  const { operations, places, reached } = loadInstrumented(code);
  const all = Object.entries(operations);
  parentPort?.postMessage(Object.keys(operations) satisfies Names);
  const numbers = new Numbers(seed);
  const kept: Uint8Array[] = corpus.map((input) => Uint8Array.from(input));
  const given = kept.length;
  const note = noter(state);
  const outcome = (count: number, finding?: Finding): Outcome => ({
    executions: count,
    reached: reached(),
    places,
    kept: kept.slice(given),
    ...(finding && { finding }),
  });
  for (let count = 0; count < executions; count++) {
    const which = count % all.length;
    const [operation, execute] = all[which]!;
    // The given inputs first, as they are, through every operation.
    const first = kept[Math.floor(count / all.length)];
    const isGiven = count < given * all.length;
    const input = isGiven ? first! : mutate(numbers.pick(kept), numbers.pick(kept), numbers);
    const before = reached();
    note(count, which, before, input);
    try {
      execute(input);
    } catch (error) {
      return outcome(count + 1, { operation, input, error: String((error as Error).stack ?? error) });
    }
    if (reached() !== before && !isGiven) kept.push(input);
  }
  return outcome(executions);
}

/** Writes what is about to be executed where a watcher finds it. */
function noter(state: SharedArrayBuffer) {
  const words = new Int32Array(state, 0, State.input / 4);
  const bytes = new Uint8Array(state, State.input);
  return (count: number, operation: number, reached: number, input: Uint8Array): void => {
    bytes.set(input);
    words[State.length] = input.length;
    words[State.operation] = operation;
    words[State.reached] = reached;
    words[State.executions] = count;
  };
}

parentPort?.postMessage(run(workerData as Job));
