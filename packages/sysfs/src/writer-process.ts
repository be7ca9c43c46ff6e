// The process behind AttributeWriter: does what its standard input says, one job a line, and answers with a line: first that it
// is ready, then to each. The kernel may keep it in a write for ever, out of reach of any signal, and keeps nobody else.
import { closeSync, constants, openSync, readFileSync, readSync, writeSync } from "node:fs";

/** What to do to an attribute. */
export interface Job {
  readonly path: string;
  /** What to write, in one write; null to read. */
  readonly text: string | null;
  /** Done in this process alone, so that whoever asked may end, and it is not left half done. */
  readonly meanwhile?: Meanwhile;
}

/** An attribute that says something else while a job is done, and afterwards what it said before, whatever came of that. */
export interface Meanwhile {
  readonly path: string;
  readonly text: string;
}

/** What came of it. */
export type Reply =
  | { readonly text: string }
  | { readonly message: string; readonly code?: string; readonly errno?: number; readonly syscall?: string };

function perform({ path, text, meanwhile }: Job): string {
  if (meanwhile !== undefined) {
    const former = readFileSync(meanwhile.path, "utf8").trim();
    perform(meanwhile);
    try {
      return perform({ path, text });
    } finally {
      perform({ path: meanwhile.path, text: former });
    }
  }
  if (text === null) return readFileSync(path, "utf8");
  // Write-only attributes refuse a descriptor that could read, and creating is not a sysfs operation.
  const file = openSync(path, constants.O_WRONLY);
  try {
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
  return "";
}

function replyTo(job: Job): Reply {
  try {
    return { text: perform(job) };
  } catch (error) {
    const { message, code, errno, syscall } = error as NodeJS.ErrnoException;
    return {
      message,
      ...(code !== undefined && { code }),
      ...(errno !== undefined && { errno }),
      ...(syscall !== undefined && { syscall }),
    };
  }
}

function answer(reply: Reply): void {
  writeSync(1, `${JSON.stringify(reply)}\n`);
}

// What `ps` shows, and a message that names this process.
process.title = process.argv[2] ?? "userpci";
answer({ text: "" });
const chunk = Buffer.alloc(4096);
let rest = "";
// Synchronous throughout: at the end of input, when the other side has closed or died, there is nothing left to do.
for (let size = readSync(0, chunk); size > 0; size = readSync(0, chunk)) {
  const lines = (rest + chunk.toString("utf8", 0, size)).split("\n");
  rest = lines.pop()!;
  for (const line of lines) answer(replyTo(JSON.parse(line) as Job));
}
