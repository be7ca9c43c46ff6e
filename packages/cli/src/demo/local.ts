// The demo without a kernel's VFIO: on an edu that another process serves, or that is emulated in this one.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { emulated } from "@userpci/device-model";
import { edu } from "@userpci/edu/model";
import { readMemlock } from "@userpci/vfio-native";
import { PciError, vfioUser } from "userpci";
import { drive, type Place, stepper } from "./drive.ts";
import { userpci } from "./host.ts";
import type { StepReport } from "./step.ts";

const MODEL = "edu";

/** How long a server may take to end, in milliseconds. */
const END_MS = 5000;

const common = {
  asOrdinaryUser: false,
  hint: "`userpci demo --json` shows the steps before with all they were given and found",
  // Nothing is pinned without an IOMMU of the kernel's; other systems than Linux have no such count.
  locked: () => (process.platform === "linux" ? readMemlock().locked : 0),
} satisfies Partial<Place>;

/** A server of the edu model in a process of its own. */
export interface EduServer extends AsyncDisposable {
  readonly pid: number;
  readonly socket: string;
  /** Milliseconds from its start until it served. */
  readonly bootMs: number;
  /** Ends it. Harmless twice. @returns its exit status, null if it had to be killed */
  stop(): Promise<number | null>;
}

/** Starts one. @throws PciError `ERR_DEMO` with what it printed, if it ends before it serves */
export async function startServer(): Promise<EduServer> {
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "userpci-demo-"));
  const socket = join(folder, "edu.sock");
  const argv = [userpci, "serve", MODEL, "--socket", socket, "--jsonl"];
  const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "exit") as Promise<[number | null]>;
  const stop = async (): Promise<number | null> => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), END_MS);
    const [status] = await ended;
    clearTimeout(timer);
    rmSync(folder, { recursive: true, force: true });
    return status;
  };
  // The first line is that it serves.
  const lines = createInterface({ input: child.stdout });
  const said: string[] = [];
  lines.on("line", (line) => said.push(line));
  child.stderr.on("data", (bytes) => said.push(String(bytes)));
  await Promise.race([once(lines, "line"), ended]);
  if (!said[0]?.includes('"serving"')) {
    await stop();
    throw new PciError("ERR_DEMO", `the server ended before it served: ${said.join(" ")}`, {
      hint: `run it by hand: userpci serve ${MODEL} --socket ${socket}`,
    });
  }
  const bootMs = performance.now() - started;
  return { pid: child.pid!, socket, bootMs, stop, [Symbol.asyncDispose]: async () => void (await stop()) };
}

/** Drives the edu of a server, and ends that. */
export async function runServedDemo(server: EduServer, onStep: (step: StepReport) => void): Promise<void> {
  const { pid, socket } = server;
  const step = stepper(common, onStep);
  await step("serve", async () => ({
    inputs: { model: MODEL, socket },
    results: { pid },
    holds: true,
  }));
  await drive({ ...common, backend: vfioUser(socket), address: socket, node: socket }, onStep);
  await step("stop", async () => {
    const status = await server.stop();
    return { inputs: { pid }, results: { status }, holds: status === 0 };
  });
}

/** Drives an edu that is emulated in this process. */
export async function runEmulatedDemo(onStep: (step: StepReport) => void): Promise<void> {
  await drive({ ...common, backend: emulated(edu()), address: MODEL, node: "" }, onStep);
}
