import type { BackendName } from "./backend.ts";
import { tell } from "./protocol.ts";

/** Who runs a suite in the guest. */
export type GuestUser = "root" | number;

/** A test, run in the guest. Throws to fail: use `node:assert/strict`. */
export type GuestTest = () => Promise<void> | void;

/** Tests that run inside the virtual machine, in order, in one process for each user. */
export interface GuestSuite {
  /** A machine of `machines.ts`; a backend that it lacks runs on its counterpart. Default `main`. */
  readonly machine?: string;
  /** Backends to run on, one after the other. Default: the container's. */
  readonly backends?: readonly BackendName[];
  /** Default: root, then the ordinary user; on a second backend the ordinary user alone. */
  readonly users?: readonly GuestUser[];
  /** RLIMIT_MEMLOCK in bytes. Default 64 MiB. */
  readonly memlock?: number;
  /** Flags for node. */
  readonly nodeFlags?: readonly string[];
  /** Variables for the guest's environment, which takes nothing over from the host's. */
  readonly env?: Readonly<Record<string, string>>;
  /** Longest run of the whole suite, in milliseconds. Default 230 s. */
  readonly timeoutMs?: number;
  readonly tests: Readonly<Record<string, GuestTest>>;
}

const inGuest = Symbol.for("@userpci/tests/guest");
type Receiver = (suite: GuestSuite) => void;

/** Set by the guest's runner: hands suites to it instead of to vitest. */
export function receiveSuites(receiver: Receiver): void {
  Reflect.set(globalThis, inGuest, receiver);
}

/** Shows how far a long test is, on the host's standard error. */
export function progress(text: string): void {
  tell({ event: "progress", text });
}

/**
 * Hands a suite to the guest's runner.
 *
 * @returns whether there is one: on the host there is none
 */
export function handToRunner(suite: GuestSuite): boolean {
  const receiver = Reflect.get(globalThis, inGuest) as Receiver | undefined;
  receiver?.(suite);
  return receiver !== undefined;
}

/**
 * Declares the tests of a file. The same file is loaded on the host, where each test becomes vitest's and waits for its
 * result, and in the guest, where the tests run.
 *
 * @param url the file's `import.meta.url`
 */
export async function guestSuite(url: string, suite: GuestSuite): Promise<void> {
  if (handToRunner(suite)) return;
  const { declareOnHost } = await import("./host.ts");
  declareOnHost(url, suite);
}
