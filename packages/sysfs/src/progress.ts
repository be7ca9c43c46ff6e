import type { Holder } from "./holders.ts";

/** What binding, or changing the virtual functions, is doing at the moment. */
export type BindStep =
  | "lock"
  | "module"
  | "override"
  | "release"
  | "probe"
  | "verify"
  | "permit"
  | "virtual-functions";

/** Each step as what a call was at: "while it was loading the driver". */
export const stepTitles: Readonly<Record<BindStep, string>> = {
  lock: "waiting for its turn",
  module: "loading the driver",
  override: "naming the driver",
  release: "taking it from its driver",
  probe: "letting the driver take it",
  verify: "looking who has it",
  permit: "giving its nodes away",
  "virtual-functions": "changing its virtual functions",
};

/** Reported as a step begins, and again while the kernel keeps it waiting. */
export interface BindProgress {
  readonly address: string;
  readonly step: BindStep;
  /** 0 as the step begins; later, how long it has been waiting. */
  readonly elapsedMs: number;
  /** Who keeps the function's nodes open, as far as is known. */
  readonly holders: readonly Holder[];
}

/** The caller's callback. Once it has thrown it is not called again. */
export class ProgressListener {
  readonly #onProgress: ((progress: BindProgress) => void) | undefined;
  #thrown: { readonly error: unknown } | undefined;
  #enduring = false;

  constructor(onProgress: ((progress: BindProgress) => void) | undefined) {
    this.#onProgress = onProgress;
  }

  /** @throws what the callback throws, before {@link endure} */
  tell(progress: BindProgress): void {
    if (this.#thrown !== undefined) return;
    try {
      this.#onProgress?.(progress);
    } catch (error) {
      this.#thrown = { error };
      if (!this.#enduring) throw error;
    }
  }

  /** From now on what the callback throws is kept: what was begun is to be brought to its end. */
  endure(): void {
    this.#enduring = true;
  }

  /** @throws what the callback has thrown */
  rethrow(): void {
    if (this.#thrown !== undefined) throw this.#thrown.error;
  }
}
