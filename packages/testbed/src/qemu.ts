import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import { TestbedError } from "./error.ts";
import type { Parts } from "./parts.ts";

/** Positions of the inherited sockets in QEMU's descriptor table. */
export const QEMU_FD = { agent: 3, qmp: 4 } as const;

/** A running QEMU: its console, its sockets, its end. */
export interface Qemu {
  readonly pid: number;
  /** The serial console. */
  readonly console: NodeJS.ReadableStream;
  readonly agent: Duplex;
  readonly qmp: Duplex;
  /** Resolves when the process is gone, with how and with what it wrote to standard error. */
  readonly exited: Promise<{ readonly how: string; readonly stderr: string }>;
  /** Ends it now. */
  kill(): void;
}

/**
 * Starts QEMU so that it cannot outlive this process: the kernel kills it when the thread that started it ends, however that happens.
 * @throws TestbedError ERR_TESTBED_EXITED when it cannot be started.
 */
export async function startQemu(parts: Parts, args: readonly string[]): Promise<Qemu> {
  const [file, ...leading] = [...parts.setpriv, "--pdeathsig", "KILL", "--", ...parts.qemu, ...args] as [
    string,
    ...string[],
  ];
  const child = spawn(file, leading, {
    stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"],
    env: { ...process.env, ...parts.qemuEnvironment },
    // Ctrl-C goes to the whole group of a terminal; the test bed decides when QEMU ends.
    detached: true,
  });
  const exited = watchExit(child);
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (cause) =>
      reject(
        new TestbedError("ERR_TESTBED_EXITED", `QEMU could not be started: ${cause.message}`, { cause }),
      ),
    );
  });
  return {
    pid: child.pid!,
    console: child.stdout!,
    agent: child.stdio[QEMU_FD.agent] as Duplex,
    qmp: child.stdio[QEMU_FD.qmp] as Duplex,
    exited,
    kill: () => child.kill("SIGKILL"),
  };
}

function watchExit(child: ChildProcess): Qemu["exited"] {
  let stderr = "";
  child.stderr!.setEncoding("utf8");
  child.stderr!.on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => {
    child.once("close", (code, signal) =>
      resolve({ how: signal ? `killed by ${signal}` : `exit status ${code}`, stderr }),
    );
  });
}
