import { Worker } from "node:worker_threads";
import { type Finding, type Job, type Names, type Outcome, State } from "./worker.ts";

/** Executions of a worker in one round; afterwards the workers share what they have kept. */
const ROUND = 250_000;
const LONGEST_INPUT = 4096;
/** How many times as long as an execution it may take to load the code. */
const LOADING = 10;

/** How to run a {@link Campaign}. */
export interface Plan {
  readonly executions: number;
  readonly workers: number;
  readonly seed: number;
  /** An execution that takes longer is a finding. Default 20 s; most take less than a millisecond. */
  readonly hangMs?: number;
  onProgress(line: string): void;
}

/** What came of it. */
export interface Result {
  readonly executions: number;
  readonly reached: number;
  readonly places: number;
  /** The first input that broke something. */
  readonly finding?: Finding;
}

/** A run of several workers over a corpus that they grow together. */
export class Campaign {
  readonly #code: string;
  readonly #corpus: Uint8Array[];

  constructor(code: string, seeds: readonly Uint8Array[]) {
    this.#code = code;
    this.#corpus = [...seeds];
  }

  async run(plan: Plan): Promise<Result> {
    let result: Result = { executions: 0, reached: 0, places: 0 };
    for (let round = 0; result.executions < plan.executions && !result.finding; round++) {
      const left = plan.executions - result.executions;
      const each = Math.min(ROUND, Math.ceil(left / plan.workers));
      const workers = Array.from({ length: plan.workers }, (_, index) =>
        this.#work(each, plan.seed + 7919 * (round * plan.workers + index) + 1, plan, result.executions),
      );
      const outcomes = await Promise.all(workers);
      for (const { kept } of outcomes) this.#corpus.push(...kept);
      result = outcomes.reduce(merge, result);
      plan.onProgress(
        `fuzz: ${result.executions} executions, ${this.#corpus.length} inputs, ${result.reached} of ${result.places} places`,
      );
    }
    return result;
  }

  /** One worker for one round. One that hangs is ended, and its input is the finding. */
  #work(executions: number, seed: number, plan: Plan, before: number): Promise<Outcome> {
    const state = new SharedArrayBuffer(State.input + LONGEST_INPUT);
    const words = new Int32Array(state, 0, State.input / 4);
    const workerData: Job = { code: this.#code, executions, seed, corpus: this.#corpus, state };
    const worker = new Worker(new URL("worker.js", import.meta.url), { workerData });
    const { hangMs = 20_000 } = plan;
    let last = -1;
    let names: Names = [];
    let waits = 0;
    return new Promise((resolve, reject) => {
      const watch = setInterval(() => {
        // Until it has told them it loads the code, which takes its time on a busy machine.
        const hasBegun = names.length > 0;
        if (hasBegun ? words[State.executions] === last : ++waits === LOADING) {
          void worker.terminate();
          resolve(hung(state, names, hangMs));
        }
        last = hasBegun ? words[State.executions]! : -1;
        plan.onProgress(`fuzz: ${before} + ${Math.max(last, 0)} executions, ${words[State.reached]} places`);
      }, hangMs);
      worker.on("message", (message: Names | Outcome) => {
        if (Array.isArray(message)) names = message;
        else resolve(message as Outcome);
      });
      worker.once("error", reject);
      worker.once("exit", () => clearInterval(watch));
    });
  }
}

function merge(result: Result, outcome: Outcome): Result {
  const finding = result.finding ?? outcome.finding;
  return {
    executions: result.executions + outcome.executions,
    reached: Math.max(result.reached, outcome.reached),
    places: Math.max(result.places, outcome.places),
    ...(finding && { finding }),
  };
}

function hung(state: SharedArrayBuffer, names: Names, hangMs: number): Outcome {
  const words = new Int32Array(state, 0, State.input / 4);
  const input = Uint8Array.from(new Uint8Array(state, State.input, words[State.length]!));
  const finding: Finding = {
    operation: names[words[State.operation]!] ?? "none yet",
    input,
    error: `did not end within ${hangMs / 1000} s`,
  };
  return {
    executions: words[State.executions]!,
    reached: words[State.reached]!,
    places: 0,
    kept: [],
    finding,
  };
}
