import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { boot } from "@userpci/testbed";
import { afterAll, expect, test, vi } from "vitest";

const COMMAND = fileURLToPath(new URL("../dist/main.js", import.meta.url));

// A directory of its own: any boot of another file would remove what a killed process leaves.
const temporary = mkdtempSync(join(tmpdir(), "lost-"));
vi.stubEnv("TMPDIR", temporary);
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(temporary, { recursive: true, force: true });
});

/** Whether a process exists and is not a zombie. */
function isRunning(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

/** The QEMU among the children of a process. */
async function qemuOf(pid: number): Promise<number> {
  let found: number | undefined;
  await expect
    .poll(
      () => {
        const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
          .split(" ")
          .filter(Boolean)
          .map(Number);
        found = children.find((child) => readFileSync(`/proc/${child}/cmdline`, "utf8").includes("\0q35,"));
        return found;
      },
      { timeout: 60_000 },
    )
    .toBeTypeOf("number");
  return found!;
}

/** Runs the command so that the guest prints "up" and then sleeps; resolves when it has. */
async function sleeper(): Promise<ChildProcess> {
  const child = spawn(process.execPath, [COMMAND, "run", "--", "sh", "-c", "echo up; exec sleep 600"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => child.stdout!.once("data", resolve));
  return child;
}

function directoriesOf(pid: number): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith(`userpci-vm-${pid}-`));
}

test("a guest that stops answering is killed and reported with its console", async () => {
  await using vm = await boot();
  await vm.run(["sh", "-c", "echo last words >/dev/console"], { check: true });
  await vm.qmp("stop");
  const error = await vm.run(["true"], { timeoutMs: 1000 }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "ERR_TESTBED_HUNG", log: expect.stringMatching(/last words/) });
});

test("closing ends commands that are under way, and later use says so", async () => {
  const vm = await boot();
  const running = vm.run(["sleep", "100"]);
  running.catch(() => {});
  const { host } = vm.exchange;
  await vm.close();
  await vm.close();
  await expect(running).rejects.toMatchObject({ code: "ERR_TESTBED_CLOSED" });
  await expect(vm.run(["true"])).rejects.toMatchObject({ code: "ERR_TESTBED_CLOSED" });
  await expect(vm.qmp("query-status")).rejects.toMatchObject({ code: "ERR_TESTBED_CLOSED" });
  expect(existsSync(host)).toBe(false);
});

test("a boot that takes too long, and one that QEMU refuses, are errors that leave nothing", async () => {
  await expect(boot({ bootTimeoutMs: 500 })).rejects.toMatchObject({
    code: "ERR_TESTBED_BOOT",
    summary: expect.stringContaining("0.5 s"),
  });
  await expect(boot({ devices: ["no-such-device"] })).rejects.toMatchObject({
    code: "ERR_TESTBED_EXITED",
    message: expect.stringContaining("no-such-device"),
  });
  await expect(boot({ signal: AbortSignal.timeout(500) })).rejects.toMatchObject({ name: "TimeoutError" });
  expect(directoriesOf(process.pid)).toEqual([]);
});

test("QEMU dies with a parent that is killed, and the next boot removes what that left", async () => {
  const child = await sleeper();
  const qemu = await qemuOf(child.pid!);
  expect(isRunning(qemu)).toBe(true);
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  // Until it is waited for, its number is in use.
  await ended;
  await expect.poll(() => isRunning(qemu)).toBe(false);
  expect(directoriesOf(child.pid!)).toHaveLength(1);
  await expect(boot({ bootTimeoutMs: 1 })).rejects.toMatchObject({ code: "ERR_TESTBED_BOOT" });
  expect(directoriesOf(child.pid!)).toEqual([]);
});

test("an interrupted command ends the guest, removes its files and exits with 130", async () => {
  const child = await sleeper();
  const qemu = await qemuOf(child.pid!);
  child.kill("SIGINT");
  const code = await new Promise((resolve) => child.once("exit", resolve));
  expect(code).toBe(130);
  expect(isRunning(qemu)).toBe(false);
  expect(directoriesOf(child.pid!)).toEqual([]);
});
