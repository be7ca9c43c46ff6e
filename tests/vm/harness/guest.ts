/** Runs the suite of one compiled test file inside the guest: `node guest.js FILE`. */
import { isPciError } from "@userpci/interface";
import { type GuestFailure, tell } from "./protocol.ts";
import { type GuestSuite, receiveSuites } from "./suite.ts";

/** What a `using` declaration throws when its resource cannot be closed after something else was thrown. */
const isSuppressed = (error: unknown): error is Error & { error: unknown; suppressed: unknown } =>
  error instanceof Error && "error" in error && "suppressed" in error;

function failureOf(error: unknown): GuestFailure {
  if (isSuppressed(error)) {
    const first = failureOf(error.suppressed);
    return {
      ...first,
      message: `${first.message}\nand closing failed then: ${failureOf(error.error).message}`,
    };
  }
  if (!(error instanceof Error)) return { message: String(error), stack: undefined, code: undefined };
  const hint = isPciError(error) && error.hint ? `\n  hint: ${error.hint}` : "";
  const code = "code" in error ? String(error.code) : undefined;
  return { message: `${error.message}${hint}`, stack: error.stack, code };
}

async function run(suite: GuestSuite): Promise<void> {
  for (const [name, test] of Object.entries(suite.tests)) {
    tell({ event: "begin", name });
    try {
      await test();
      tell({ event: "pass", name });
    } catch (error) {
      tell({ event: "fail", name, error: failureOf(error) });
    }
  }
}

const suites: GuestSuite[] = [];
receiveSuites((suite) => suites.push(suite));
await import(process.argv[2]!);
for (const suite of suites) await run(suite);
// Not process.exit: what a test forgot to close would keep the process alive, which the host reports.
