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

function run({ code, executions, seed, corpus, state }: Job): Outcome {
  const { operations, places, reached } = loadInstrumented(code);
  const all = Object.entries(operations);
  const numbers = new Numbers(seed);
  const kept: Uint8Array[] = corpus.map((input) => Uint8Array.from(input));
  const given = kept.length;
  const words = new Int32Array(state, 0, State.input / 4);
  const bytes = new Uint8Array(state, State.input);
  const outcome = (count: number, finding?: Finding): Outcome => ({
    executions: count,
    reached: reached(),
    places,
    kept: kept.slice(given),
    ...(finding && { finding }),
  });
  for (let count = 0; count < executions; count++) {
    // The given inputs first, as they are, through every operation.
    const isGiven = count < given * all.length;
    const input = isGiven
      ? kept[Math.floor(count / all.length)]!
      : mutate(numbers.pick(kept), numbers.pick(kept), numbers);
    const which = count % all.length;
    const [operation, execute] = all[which]!;
    bytes.set(input);
    words[State.length] = input.length;
    words[State.operation] = which;
    words[State.executions] = count;
    const before = reached();
    try {
      execute(input);
    } catch (error) {
      return outcome(count + 1, { operation, input, error: String((error as Error).stack ?? error) });
    }
    if (reached() !== before) {
      words[State.reached] = reached();
      if (!isGiven) kept.push(input);
    }
  }
  return outcome(executions);
}

parentPort?.postMessage(run(workerData as Job));
