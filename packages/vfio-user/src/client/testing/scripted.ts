import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { BackendDevice } from "@userpci/interface";
import type { Capabilities } from "../../protocol/index.ts";
import { type ClientOptions, vfioUser } from "../index.ts";

/** Instead of what the device would answer; see scripted-server.mjs. */
export interface Scripted {
  readonly errno?: number;
  readonly hex?: string;
  readonly silent?: boolean;
  readonly close?: boolean;
  readonly ask?: readonly string[];
  readonly before?: readonly string[];
  readonly first?: readonly string[];
  readonly fd?: number;
}

/** A message that the server got. */
export interface Logged {
  readonly name: string;
  readonly reply: boolean;
  readonly noReply: boolean;
  readonly errno: number;
  /** In hexadecimal. */
  readonly body: string;
  readonly fds: number;
}

/** What the server is told. */
export interface Script {
  readonly answers?: Readonly<Record<string, readonly (Scripted | null)[]>>;
  readonly capabilities?: Partial<Capabilities>;
  readonly regions?: Readonly<Record<number, object>>;
  readonly irqs?: Readonly<Record<number, { flags: number; count: number }>>;
  readonly options?: ClientOptions;
}

/** BAR 0 with registers and configuration space, whose memory decode and class code say that the device is there. */
const usualRegions = {
  0: { size: 4096 },
  7: { size: 256, init: { 0: 0x11e8_1234, 4: 0x6, 8: 0x00ff_0010 } },
};
const usualIrqs = { 0: { flags: 7, count: 1 }, 2: { flags: 9, count: 8 } };

let runs = 0;

/** The addon's page of ones, which takes the place of device memory that faults, is the process's for good. */
const ONES = "memfd:userpci-ones";

function openDescriptors(): number {
  return readdirSync("/proc/self/fd").filter((fd) => !linkOf(fd).includes(ONES)).length;
}

/** Where a descriptor leads; nowhere for the one by which the folder was read. */
function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return "";
  }
}

/**
 * Opens a device of a scripted server, and has `work` done with it.
 *
 * @returns what the server got from the time that the device was open, and how many descriptors are left open
 */
export async function withScript(
  script: Script,
  work: (device: BackendDevice, messages: readonly Logged[]) => unknown,
): Promise<{ readonly messages: readonly Logged[]; readonly leaked: number }> {
  return withServer(script, async (path, messages) => {
    await using backend = vfioUser(path, { timeoutMs: 2000, ...script.options });
    await using device = await backend.open(path);
    // The server posts what it got before it answers: it is here with the next turns.
    for (let turns = 0; turns < 3; turns++) await turn();
    messages.length = 0;
    await work(device, messages);
  });
}

/** Runs a scripted server while `work` lasts. */
export async function withServer(
  { answers = {}, capabilities = { maxMsgFds: 8 }, regions = usualRegions, irqs = usualIrqs }: Script,
  work: (path: string, messages: Logged[]) => Promise<unknown>,
): Promise<{ readonly messages: readonly Logged[]; readonly leaked: number }> {
  const messages: Logged[] = [];
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const path = `@userpci-scripted-${process.pid}-${++runs}`;
  const before = openDescriptors();
  const worker = new Worker(new URL("scripted-server.mjs", import.meta.url), {
    workerData: { path, answers, capabilities, regions, irqs, stop },
  });
  const exited = once(worker, "exit");
  await once(worker, "message");
  worker.on("message", (message: Logged) => void messages.push(message));
  try {
    await work(path, messages);
  } finally {
    Atomics.store(stop, 0, 1);
    await exited;
  }
  return { messages, leaked: openDescriptors() - before };
}
