/**
 * Runs inside the guest, once per boot: starts commands that the host asks for over a virtio-serial port and streams their output back. When the
 * host end closes (its process is gone) it ends, and the guest powers off.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createReadStream, createWriteStream, openSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { ExitStatus, SpawnRequest } from "../command.ts";
import type { TestbedErrorData } from "../error.ts";
import { FRAME, type Frame } from "../frame.ts";
import { Link, pump } from "../link.ts";
import { findOnPath } from "../tool.ts";
import { type Ids, parsePasswd, resolveUser } from "./user.ts";

/** How long output may stay silent after a command ended while something it started still holds its pipes. */
const LINGER_MS = 250;

const children = new Map<number, ChildProcess>();
const port = openSync(process.argv[2]!, "r+");
const link = new Link(
  createReadStream("", { fd: port, autoClose: false }),
  createWriteStream("", { fd: port, autoClose: false }),
  { onFrame, onClose: () => process.exit(0) },
);
void link.sendJson(FRAME.ready, 0, {
  node: process.version,
  uptime: readFileSync("/proc/uptime", "utf8").split(" ")[0],
});

function onFrame({ type, id, payload }: Frame): void {
  if (type === FRAME.spawn) start(id, JSON.parse(payload.toString()) as SpawnRequest);
  else if (type === FRAME.stdin) children.get(id)?.stdin?.write(payload);
  else if (type === FRAME.stdinEnd) children.get(id)?.stdin?.end();
  else if (type === FRAME.kill) kill(id, payload.toString() as NodeJS.Signals);
  else if (type === FRAME.ping) void link.send(FRAME.pong, id);
}

function start(id: number, request: SpawnRequest): void {
  try {
    const child = launch(request);
    children.set(id, child);
    child.on("error", (error) => fail(id, request, error));
    child.stdin?.on("error", () => {}); // The command closed its input early; that is its right.
    if (child.pid !== undefined) void serve(id, child);
  } catch (error) {
    fail(id, request, error as Error);
  }
}

function fail(id: number, { argv, cwd, user }: SpawnRequest, error: NodeJS.ErrnoException): void {
  children.delete(id);
  const who = user === undefined ? "root" : `user ${user}`;
  const data: TestbedErrorData = {
    code: "ERR_TESTBED_SPAWN",
    summary: `the guest could not start ${JSON.stringify(argv[0])} in ${cwd} as ${who}: ${error.code ?? error.message}`,
    hint: "the guest sees the host's files: is the program on its PATH, and may that user enter the directory?",
  };
  void link.sendJson(FRAME.failed, id, data);
}

function launch(request: SpawnRequest): ChildProcess {
  const ids =
    request.user === undefined
      ? undefined
      : resolveUser(request.user, parsePasswd(readFileSync("/etc/passwd", "utf8")));
  // The limit must be set as root, before the user changes: an ordinary user cannot raise it.
  const limited = request.memlock !== undefined;
  const argv = limited ? [...withMemlock(request.memlock!, ids), ...request.argv] : request.argv;
  return spawn(argv[0]!, argv.slice(1), {
    cwd: request.cwd,
    env: { HOME: ids?.home ?? "/root", ...request.env },
    stdio: [request.stdin ? "pipe" : "ignore", "pipe", "pipe"],
    detached: true,
    ...(ids && !limited ? { uid: ids.uid, gid: ids.gid } : {}),
  });
}

function withMemlock(bytes: string, ids: Ids | undefined): string[] {
  // By path: the command's own PATH may lack them.
  const limit = [findOnPath("prlimit") ?? "prlimit", `--memlock=${bytes}:${bytes}`];
  if (!ids) return limit;
  return [
    ...limit,
    findOnPath("setpriv") ?? "setpriv",
    `--reuid=${ids.uid}`,
    `--regid=${ids.gid}`,
    "--clear-groups",
    "--",
  ];
}

async function serve(id: number, child: ChildProcess): Promise<void> {
  const output = Promise.all([
    pump(child.stdout!, link, FRAME.stdout, id),
    pump(child.stderr!, link, FRAME.stderr, id),
  ]);
  void link.sendJson(FRAME.started, id, child.pid);
  const status = await new Promise<ExitStatus>((resolve) => {
    child.on("exit", (code, signal) => resolve({ code, signal }));
  });
  await Promise.race([output, silence(child)]);
  child.stdout!.destroy();
  child.stderr!.destroy();
  await output;
  children.delete(id);
  await link.sendJson(FRAME.exit, id, status);
}

/** Resolves when nothing more arrives from a command that has ended. */
async function silence(child: ChildProcess): Promise<void> {
  let heard = true;
  const listen = () => {
    heard = true;
  };
  child.stdout!.on("readable", listen);
  child.stderr!.on("readable", listen);
  while (heard) {
    heard = child.stdout!.readableLength + child.stderr!.readableLength > 0;
    await delay(LINGER_MS);
  }
}

function kill(id: number, signal: NodeJS.Signals): void {
  const pid = children.get(id)?.pid;
  if (pid === undefined) return;
  try {
    process.kill(-pid, constants.signals[signal]);
  } catch {
    // The whole group is gone already; its exit status is on the way.
  }
}
