import { execFile, spawn } from "node:child_process";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { PciError } from "@userpci/interface";
import type { DmaFault, OnProgress, Vm } from "@userpci/testbed";

/** What a program left. */
export interface Ended {
  readonly code: number;
  readonly stderr: string;
}

/** Where the device is: a virtual machine, or the one this program runs on. */
export interface Machine extends AsyncDisposable {
  /** Release of its kernel. */
  readonly kernel: string;
  readonly kind: "virtual machine" | "this machine";
  /**
   * Runs a program.
   *
   * @param uid the user who runs it
   * @param onLine told each line of its standard output
   */
  run(argv: readonly string[], uid: number, onLine: (line: string) => void): Promise<Ended>;
  /** What the kernel has printed so far. */
  kernelLog(): Promise<string>;
  /** The DMA accesses that the IOMMU stopped; null where only the kernel's log tells. */
  stoppedAccesses(): Promise<readonly DmaFault[] | null>;
}

/** Boots a virtual machine with an edu device behind an emulated Intel IOMMU. */
export async function bootMachine(onProgress: OnProgress): Promise<Machine> {
  const { boot } = await import("@userpci/testbed");
  const vm = await boot({ devices: ["edu"], onProgress });
  try {
    const { stdout } = await vm.run(["uname", "-r"], { check: true });
    return vmMachine(vm, stdout.trim());
  } catch (error) {
    await vm.close();
    throw error;
  }
}

function vmMachine(vm: Vm, kernel: string): Machine {
  return {
    kernel,
    kind: "virtual machine",
    async run(argv, uid, onLine) {
      if (uid !== 0) await letThrough(vm, argv);
      const lines = new Lines(onLine);
      const onStdout = (chunk: Uint8Array) => lines.push(chunk);
      const { code, signal, stderr } = await vm.run(argv, { user: uid, cwd: "/", onStdout });
      lines.end();
      return { code: code ?? 1, stderr: signal === null ? stderr : `${stderr}\nended by ${signal}` };
    },
    kernelLog: () => vm.console(),
    stoppedAccesses: () => vm.dmaFaults(),
    [Symbol.asyncDispose]: () => vm.close(),
  };
}

/**
 * Lets an ordinary user of the guest reach the program's files where they lie in a private home directory. The change is to
 * the guest's throw-away copy.
 */
async function letThrough(vm: Vm, argv: readonly string[]): Promise<void> {
  const directories = new Set<string>();
  for (const path of argv.filter((word) => word.startsWith("/"))) {
    for (let at = dirname(path); at !== "/"; at = dirname(at)) directories.add(at);
  }
  await vm.run(["chmod", "a+x", ...directories], { check: true });
}

/**
 * Refuses an ordinary user: the demo binds as root, and drives as somebody else.
 *
 * @throws PciError `ERR_PERMISSION`
 */
export function requireRoot(): void {
  if (process.geteuid?.() === 0) return;
  throw new PciError("ERR_PERMISSION", "only root may bind the device of this machine", {
    hint: "sudo userpci demo --here\nor without --here, in a virtual machine: userpci demo",
  });
}

/** This machine; the caller is root. */
export async function thisMachine(): Promise<Machine> {
  const run = promisify(execFile);
  const kernel = (await run("uname", ["-r"])).stdout.trim();
  return {
    kernel,
    kind: "this machine",
    run: runHere,
    kernelLog: async () => (await run("dmesg", [], { maxBuffer: 2 ** 26 })).stdout,
    stoppedAccesses: async () => null,
    [Symbol.asyncDispose]: async () => {},
  };
}

function runHere(argv: readonly string[], uid: number, onLine: (line: string) => void): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0]!, argv.slice(1), {
      uid,
      gid: uid,
      cwd: "/",
      stdio: ["ignore", "pipe", "pipe"],
    });
    const lines = new Lines(onLine);
    let stderr = "";
    child.stdout.on("data", (chunk: Uint8Array) => lines.push(chunk));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      lines.end();
      resolve({ code: code ?? 1, stderr: signal === null ? stderr : `${stderr}\nended by ${signal}` });
    });
  });
}

/** Cuts a stream into lines. */
class Lines {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new TextDecoder();
  #rest = "";

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) this.#onLine(line);
  }

  end(): void {
    if (this.#rest !== "") this.#onLine(this.#rest);
    this.#rest = "";
  }
}
