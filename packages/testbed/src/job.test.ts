import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runJob } from "./job.ts";

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "userpci-job-"));
});
afterEach(() => rm(cwd, { recursive: true }));

const env = { PATH: "/usr/bin:/bin" };
const shell = (script: string) => ["sh", "-c", script] as const;
/** A process below the one that is started writes its number down and prints a line ten times a second, for half a minute if it is not stopped. */
const CHATTER = `sh -c 'echo $$ >chatter; i=0; while [ $i -lt 300 ]; do echo line || exit; i=$((i+1)); sleep 0.1; done' & wait`;

/** Waits until the process of {@link CHATTER} has ended; its number stays in use until its parent has looked at it. */
async function chatterEnds(): Promise<void> {
  const pid = readFileSync(join(cwd, "chatter"), "utf8").trim();
  const state = () => (existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "utf8") : "Z");
  await expect.poll(state, { timeout: 20_000 }).toMatch(/^Z|\) [ZX] /);
}

test("lines arrive one by one, with nothing but the given environment", async () => {
  const lines: string[] = [];
  await runJob(shell("printf 'a\\nb'; echo error >&2; echo; echo $HOME$GIVEN"), {
    name: "test",
    cwd,
    env: { ...env, GIVEN: "given" },
    onLine: (line) => lines.push(line),
  });
  expect(lines).toEqual(["a", "b", "given"]);
});

test("a failure has the end of what was printed, on either stream", async () => {
  const job = runJob(shell("seq 10000; echo the reason >&2; exit 2"), { name: "compiling", cwd, env });
  await expect(job).rejects.toMatchObject({
    code: "ERR_TESTBED_PROVISION",
    summary: "compiling: exit status 2",
    log: expect.stringMatching(/the reason/),
  });
  await expect(runJob(["no-such-program"], { name: "x", cwd, env })).rejects.toMatchObject({
    code: "ERR_TESTBED_PROVISION",
    summary: expect.stringMatching(/^x: .*ENOENT/),
  });
});

test("an abort ends everything that it started, and gives its reason", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const job = runJob(shell(CHATTER), {
    name: "test",
    cwd,
    env,
    onLine: () => controller.abort(reason),
    signal: controller.signal,
  });
  await expect(job).rejects.toBe(reason);
  await chatterEnds();
});

test("what a killed process had started ends soon", async () => {
  // Compiled, because node itself runs it.
  const library = new URL("../dist/job.js", import.meta.url).href;
  const script = `import { runJob } from ${JSON.stringify(library)};
    await runJob(${JSON.stringify(shell(CHATTER))}, { name: "test", cwd: ${JSON.stringify(cwd)}, env: process.env,
      onLine: () => process.kill(process.pid, "SIGKILL") });`;
  const killed = await new Promise<Error | null>((resolve) =>
    execFile(process.execPath, ["--input-type=module", "-e", script], resolve),
  );
  expect(killed).toMatchObject({ signal: "SIGKILL" });
  await chatterEnds();
});
