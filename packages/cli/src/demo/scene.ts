import { release } from "node:os";
import { isPciError } from "@userpci/interface";
import type { OnProgress } from "@userpci/testbed";
import { runDemo } from "./host.ts";
import { runEmulatedDemo, runServedDemo, startServer } from "./local.ts";
import { bootMachine, type Machine, thisMachine } from "./machine.ts";
import type { StepReport } from "./step.ts";

/** Where a demo plays. */
export interface Scene extends AsyncDisposable {
  /** What the device is: on the kernel's VFIO, served by another process, or emulated. */
  readonly kind: "virtual machine" | "this machine" | "another process" | "this process";
  /** Release of the kernel there. */
  readonly kernel: string;
  /** Why it is not the one that was asked for, if it is not. */
  readonly instead?: string;
  run(onStep: (step: StepReport) => void): Promise<void>;
}

/** The places to choose from, by the option that does, as commander names it; without one it is `served`. */
export const scenes = {
  served: servedScene,
  inProcess: async () => emulatedScene(),
  vm: async (onProgress: OnProgress) => machineScene(await bootMachine(onProgress)),
  here: async () => machineScene(await thisMachine()),
} as const;

/** An edu in another process; in this one where the addon does not load, which has the sockets. */
async function servedScene(): Promise<Scene> {
  const missing = await addonMissing();
  if (missing !== undefined) return emulatedScene(missing);
  const server = await startServer();
  return {
    kind: "another process",
    kernel: release(),
    run: (onStep) => runServedDemo(server, onStep),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function emulatedScene(instead?: string): Scene {
  return {
    kind: "this process",
    kernel: release(),
    ...(instead !== undefined && { instead }),
    run: runEmulatedDemo,
    [Symbol.asyncDispose]: async () => {},
  };
}

function machineScene(machine: Machine): Scene {
  const { kind, kernel } = machine;
  return {
    kind,
    kernel,
    run: (onStep) => runDemo(machine, onStep),
    [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose](),
  };
}

/** Why sockets cannot be used here; undefined if they can. */
async function addonMissing(): Promise<string | undefined> {
  const { MemfdSource } = await import("@userpci/vfio-native");
  try {
    // The first use of the addon loads it.
    new MemfdSource().alloc(1).close();
    return undefined;
  } catch (error) {
    if (!isPciError(error, "ERR_NATIVE_UNAVAILABLE")) throw error;
    // As scripts/run.mjs tells.
    if (process.env["USERPCI_WITHOUT_ADDON"])
      return "no C++ compiler was found to build the addon with, which has the sockets";
    return `${error.message}; ${error.hint}`;
  }
}
