import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as all } from "node:stream/consumers";
import { writeMachine } from "@userpci/sysfs/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { built, NIC } from "./waiting-machine.ts";

// As built: the process that writes is a program of its own.
const { resetFunction } = (await import(
  built("reset.js")
)) as typeof import("../../packages/sysfs/src/reset.ts");

let root = "";
const at = (name: string) => join(root, "sys/bus/pci/devices", NIC, name);
const text = (name: string) => readFileSync(at(name), "utf8").trim();
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-reset-"));
  const fn = { address: NIC, id: "8086:10d3", resetMethods: "flr bus", config: Buffer.alloc(256) };
  writeMachine(root, { functions: [{ ...fn, attributes: { reset: "" } }] });
});
const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
  // Whoever still waits for a reader of the pipe goes on.
  closeSync(openSync(at("reset"), constants.O_RDONLY | constants.O_NONBLOCK));
  rmSync(root, { recursive: true });
});

/** A file has no end where a shorter text was written over a longer one, as an attribute has: its beginning tells. */
const isNarrowed = () => expect.poll(() => text("reset_method"), { timeout: 10_000 }).toMatch(/^bus/);

/** A process that resets the function by its bus; the kernel lets it wait until {@link letGo}. */
function start() {
  const program = `
    import { resetFunction } from "${built("reset.js")}";
    await resetFunction("${NIC}", { root: ${JSON.stringify(root)}, method: "bus" })
      .then(() => console.log("reset"), ({ code, message }) => console.log(code, message));`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  started.push(child);
  return { child, told: all(child.stdout), ended: once(child, "exit") };
}

/** Makes the kernel wait with resets: a named pipe keeps who opens it for writing until somebody reads. */
function makeWait(): void {
  rmSync(at("reset"));
  execFileSync("mkfifo", [at("reset")]);
}
const letGo = (): Promise<string> => readFile(at("reset"), "utf8");

it("leaves the kernel its methods, whether the one that was asked for works or not", async () => {
  await resetFunction(NIC, { root, method: "bus" });
  expect([text("reset"), text("reset_method")]).toEqual(["1", "flr bus"]);
  rmSync(at("reset"));
  // A directory takes no write.
  writeMachine(root, { functions: [], files: { [`/sys/bus/pci/devices/${NIC}/reset/x`]: "" } });
  await expect(resetFunction(NIC, { root, method: "bus" })).rejects.toMatchObject({ code: "EISDIR" });
  expect(text("reset_method")).toBe("flr bus");
  expect(readdirSync(join(root, "run/userpci"))).toEqual([]);
});

it.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)(
  "leaves the kernel its methods when %s ends who resets",
  async (signal) => {
    makeWait();
    const { child, ended } = start();
    await isNarrowed();
    child.kill(signal);
    expect(await ended).toEqual([null, signal]);
    expect(await letGo()).toBe("1");
    await expect.poll(() => text("reset_method"), { timeout: 10_000 }).toBe("flr bus");
  },
);

it("of two processes at once, the second is told of the first, and knows all methods when that is done", async () => {
  makeWait();
  const first = start();
  await isNarrowed();
  const lock = join(root, `run/userpci/${NIC}.lock`);
  expect(existsSync(lock)).toBe(true);
  const refused = await start().told;
  expect(refused).toMatch(new RegExp(`^ERR_BUSY pid ${first.child.pid} \\(.*\\) is resetting ${NIC}`));
  expect(await letGo()).toBe("1");
  expect(await first.told).toBe("reset\n");
  expect([text("reset_method"), existsSync(lock)]).toEqual(["flr bus", false]);
});
