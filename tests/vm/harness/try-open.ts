/** Opens a device and tells as one line of JSON what came of it: `node try-open.js ADDRESS`. Run as another user by tests. */
import { isPciError } from "@userpci/interface";
import { kernelBackend } from "./backend.ts";

/** What opening came to. */
export interface Attempt {
  /** `opened`, or the error's code. */
  readonly code: string;
  readonly message?: string;
  readonly hint?: string | undefined;
  readonly path?: string | undefined;
}

async function attempt(address: string): Promise<Attempt> {
  try {
    await using backend = kernelBackend();
    await backend.open(address);
    return { code: "opened" };
  } catch (error) {
    if (!isPciError(error)) throw error;
    const { code, message, hint, path } = error;
    return { code, message, hint, path };
  }
}

console.log(JSON.stringify(await attempt(process.argv[2]!)));
