import { dirname } from "node:path";
import type { ExitStatus, SpawnRequest } from "./command.ts";
import { lastLines } from "./console.ts";
import { fulfilsWithin, LONGEST_MS } from "./deadline.ts";
import { TestbedError } from "./error.ts";
import type { VmProcess } from "./process.ts";
import { GUEST_TOOL_PATH } from "./toolbox.ts";
import type { RunOptions, RunResult, SpawnOptions, Vm } from "./vm.ts";

const DEFAULT_TIMEOUT_MS = 300_000;
/** How long a killed command may take to be gone. */
const KILL_GRACE_MS = 5000;
const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What running needs of a machine, local or remote. */
export interface Runner extends Pick<Vm, "spawn" | "console" | "kernelLog"> {
  /** Rejects, and ends the machine, when the guest does not answer. */
  checkAlive(): Promise<void>;
}

/**
 * The request that goes to the guest. `node` is the one that runs the caller.
 * @throws TestbedError ERR_TESTBED_ARGUMENT.
 */
export function spawnRequest(argv: readonly string[], options: SpawnOptions): SpawnRequest {
  if (argv.length === 0 || !argv[0]) throw new TestbedError("ERR_TESTBED_ARGUMENT", "the command is empty");
  const { user, memlock } = options;
  const path = [dirname(process.execPath), SYSTEM_PATH, GUEST_TOOL_PATH].join(":");
  return {
    argv,
    cwd: options.cwd ?? process.cwd(),
    env: { PATH: path, LANG: "C.UTF-8", TERM: "dumb", ...options.env },
    stdin: options.stdin ?? false,
    ...(user === undefined ? {} : { user: String(user) }),
    ...(memlock === undefined ? {} : { memlock: checkMemlock(memlock) }),
  };
}

function checkMemlock(memlock: number | "unlimited"): string {
  if (memlock === "unlimited" || (Number.isSafeInteger(memlock) && memlock >= 0)) return String(memlock);
  throw new TestbedError("ERR_TESTBED_ARGUMENT", `memlock is ${memlock}`, {
    hint: 'give bytes, or "unlimited"',
  });
}

/** Runs a command to its end: see {@link Vm.run}. */
export async function run(vm: Runner, argv: readonly string[], options: RunOptions): Promise<RunResult> {
  options.signal?.throwIfAborted();
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  checkTimeout(timeoutMs);
  const started = performance.now();
  const process = vm.spawn(argv, { ...options, stdin: options.input !== undefined });
  if (options.input !== undefined) process.stdin.end(options.input);
  const stdout = collect(process.stdout, options.onStdout);
  const stderr = collect(process.stderr, options.onStderr);
  const status = await watch(
    vm,
    process,
    argv,
    { ...options, timeoutMs },
    () => `${stdout.text()}${stderr.text()}`,
  );
  await Promise.all([stdout.ended, stderr.ended]);
  const result = {
    ...status,
    stdout: stdout.text(),
    stderr: stderr.text(),
    durationMs: performance.now() - started,
  };
  if (options.check && result.code !== 0) throw await commandError(vm, argv, result);
  return result;
}

function checkTimeout(timeoutMs: number): void {
  if (timeoutMs >= 0 && timeoutMs <= LONGEST_MS) return;
  throw new TestbedError("ERR_TESTBED_ARGUMENT", `timeoutMs is ${timeoutMs}`, {
    hint: `give milliseconds, at most ${LONGEST_MS}, or 0 for no limit`,
  });
}

function collect(stream: NodeJS.ReadableStream, onChunk: ((chunk: Uint8Array) => void) | undefined) {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    onChunk?.(chunk);
  });
  const ended = new Promise<void>((resolve) => stream.once("end", () => resolve()));
  return { ended, text: () => Buffer.concat(chunks).toString() };
}

/** Waits for the end, the time limit or the abort, whichever is first. */
async function watch(
  vm: Runner,
  process: VmProcess,
  argv: readonly string[],
  { timeoutMs, signal }: RunOptions & { readonly timeoutMs: number },
  output: () => string,
): Promise<ExitStatus> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const cut = new Promise<"timeout" | "abort">((resolve) => {
    if (timeoutMs > 0) timer = setTimeout(resolve, timeoutMs, "timeout");
    onAbort = () => resolve("abort");
    signal?.addEventListener("abort", onAbort);
  });
  try {
    const first = await Promise.race([process.exited, cut]);
    if (typeof first !== "string") return first;
    await end(vm, process);
    if (first === "abort") throw signal!.reason;
    throw await timeoutError(vm, argv, timeoutMs, output());
  } finally {
    clearTimeout(timer);
    if (onAbort) signal?.removeEventListener("abort", onAbort);
  }
}

/** Kills a command. When even that does not end it, the guest itself is in question. */
async function end(vm: Runner, process: VmProcess): Promise<void> {
  process.kill("SIGKILL");
  if (!(await fulfilsWithin(process.exited, KILL_GRACE_MS))) await vm.checkAlive();
}

async function timeoutError(
  vm: Runner,
  argv: readonly string[],
  timeoutMs: number,
  output: string,
): Promise<TestbedError> {
  const summary = `${shown(argv)}: killed after ${timeoutMs / 1000} s in the guest`;
  return new TestbedError("ERR_TESTBED_TIMEOUT", summary, {
    hint: "give more time (--timeout, timeoutMs), or see in the log what it waits for",
    log: await guestReport(vm, output),
  });
}

async function commandError(vm: Runner, argv: readonly string[], result: RunResult): Promise<TestbedError> {
  const how = result.signal ? `killed by ${result.signal}` : `exit status ${result.code}`;
  return new TestbedError("ERR_TESTBED_COMMAND", `${shown(argv)}: ${how} in the guest`, {
    log: await guestReport(vm, `${result.stdout}${result.stderr}`),
  });
}

/** A command's output, the end of the console and the end of the kernel log, under headings. */
export async function guestReport(vm: Pick<Vm, "console" | "kernelLog">, output: string): Promise<string> {
  const sections: [string, string][] = [
    ["output", output],
    ["guest console", lastLines(await vm.console(), 20)],
    ["guest kernel log", lastLines(await vm.kernelLog(), 30)],
  ];
  return sections.map(([title, text]) => `[${title}]\n${text.trimEnd() || "(nothing)"}`).join("\n");
}

function shown(argv: readonly string[]): string {
  const text = argv.join(" ");
  return text.length > 120 ? `${text.slice(0, 120)}...` : text;
}
