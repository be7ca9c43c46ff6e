/** Who runs a suite in the guest. */
export type GuestUser = "root" | number;

/** A test, run in the guest. Throws to fail: use `node:assert/strict`. */
export type GuestTest = () => Promise<void> | void;

/** Tests that run inside the virtual machine, in order, in one process for each user. */
export interface GuestSuite {
  /** Default: root, then the ordinary user. */
  readonly users?: readonly GuestUser[];
  /** RLIMIT_MEMLOCK in bytes. Default 64 MiB. */
  readonly memlock?: number;
  /** Flags for node. */
  readonly nodeFlags?: readonly string[];
  readonly tests: Readonly<Record<string, GuestTest>>;
}

const inGuest = Symbol.for("@userpci/tests/guest");
type Receiver = (suite: GuestSuite) => void;

/** Set by the guest's runner: hands suites to it instead of to vitest. */
export function receiveSuites(receiver: Receiver): void {
  Reflect.set(globalThis, inGuest, receiver);
}

/**
 * Declares the tests of a file. The same file is loaded on the host, where each test becomes vitest's and waits for its
 * result, and in the guest, where the tests run.
 *
 * @param url the file's `import.meta.url`
 */
export async function guestSuite(url: string, suite: GuestSuite): Promise<void> {
  const receiver = Reflect.get(globalThis, inGuest) as Receiver | undefined;
  if (receiver !== undefined) return receiver(suite);
  const { declareOnHost } = await import("./host.ts");
  declareOnHost(url, suite);
}
