import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectLines, expectSchema } from "../../packages/cli/src/testing/schema.ts";

const inTree = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const userpci = inTree("../../packages/cli/bin/userpci.js");
const driver = inTree("driver.mjs");

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "userpci-trace-test-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the built command. */
async function run(...argv: string[]): Promise<{ status: number; out: string; notes: string }> {
  const child = spawn(process.execPath, [userpci, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  const [out, notes, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  return { status, out, notes };
}

/** Runs the driver under a command. */
const under = (command: readonly string[], ...args: string[]) =>
  run(...command, "--", process.execPath, driver, ...args);

describe("userpci trace, and replay", () => {
  it.concurrent("shows what an unchanged program does, and repeats it", async () => {
    const recording = join(folder, "run.trace");
    const traced = await under(["trace", "-o", recording]);
    expect(traced).toMatchObject({ status: 0, out: "5! = 120\n" });
    expect(traced.notes).toMatch(/open edu on emulated\n/);
    expect(traced.notes).toMatch(/write 32 bar0 \+ 0x8 <- 0x5 {2}FACTORIAL = 0x5\n/);
    expect(traced.notes).toMatch(/memory 0x[0-9a-f]+ = 01 02 03 04|map 0x[0-9a-f]+ for 4096 bytes/);
    expect(traced.notes).toMatch(/\d+ events, kept in .*\.trace\n$/);
    const [again, other] = await Promise.all([
      under(["replay", recording]),
      under(["replay", recording, "--json"], "", "6"),
    ]);
    expect(again).toMatchObject({ status: 0, out: "5! = 120\n" });
    expect(again.notes).toMatch(/✓ all \d+ events happened again/);
    const { same, error, position, length } = expectSchema("replay", other.out);
    expect({ same, code: error.code, status: other.status }).toEqual({
      same: false,
      code: "ERR_REPLAY",
      status: 1,
    });
    expect(error.message).toMatch(/write 32 of region 0 at 0x8 of 0x6, and the recording has: .* <- 0x5$/);
    expect(position).toBeLessThan(length);
  });

  it.concurrent("sees a device that is opened at once", async () => {
    const { status, notes } = await under(["trace"], "sync");
    expect(status).toBe(0);
    expect(notes).toContain("write 32 bar0 + 0x8 <- 0x5  FACTORIAL = 0x5\n");
  });

  it.concurrent("has every event of a program that leaves without a turn of its event loop, and its status", async () => {
    const recording = join(folder, "left.trace");
    const { status, out, notes } = await under(["trace", "--jsonl", "-o", recording], "leave");
    expect(status).toBe(3);
    expect(notes).toBe("5! = 120\n");
    const lines = expectLines("trace", out);
    const ended = lines.at(-1);
    expect(ended).toMatchObject({
      type: "ended",
      status: 3,
      files: [recording],
      recordings: [{ events: lines.length - 1 }],
    });
    expect(lines.at(-2)).toMatchObject({ kind: "read", region: "bar0", offset: 8, bits: 32, value: "0x78" });
    const { events } = expectSchema("replay", (await run("replay", recording, "--json")).out);
    expect(events.map((event: { text: string }) => event.text)).toEqual(
      lines.slice(0, -1).map(({ text: line }) => line),
    );
  });

  it.concurrent("has what a program did that was killed without a turn of its event loop, and shows it", async () => {
    const recording = join(folder, "killed.trace");
    const traced = await under(["trace", "--jsonl", "-o", recording], "killed");
    expect(traced.status).toBe(128 + 9);
    const texts = expectLines("trace", traced.out).flatMap(({ text: line }) => line ?? []);
    expect(texts.filter((line: string) => / write 32 bar0 \+ 0x4 <- 0x7 /.test(line)).length).toBeGreaterThan(
      1,
    );
  });

  it.concurrent("shows the whole events of a recording that ends in the middle of one, and why there are no more", async () => {
    const [recording, cut] = [join(folder, "whole.trace"), join(folder, "cut.trace")];
    await under(["trace", "-o", recording]);
    writeFileSync(cut, readFileSync(recording).subarray(0, -1));
    const [whole, people, program, again] = await Promise.all([
      run("replay", recording, "--json"),
      run("replay", cut),
      run("replay", cut, "--json"),
      under(["replay", cut]),
    ]);
    const { events } = expectSchema("replay", whole.out);
    expect(people.status).toBe(1);
    expect(people.out).toMatch(
      /open edu on emulated[\s\S]*error +the recording ends in the middle of an event/,
    );
    const shown = expectSchema("replay", program.out);
    expect(shown).toMatchObject({ length: events.length - 1, error: { code: "ERR_PROTOCOL" } });
    expect(shown.events).toEqual(events.slice(0, -1));
    expect([program.status, again.status, again.out]).toEqual([1, 1, ""]);
  });

  it.concurrent("keeps threads apart", async () => {
    const recording = join(folder, "threads.trace");
    const { status, out } = await under(["trace", "--json", "-o", recording], "thread");
    expect(status).toBe(0);
    const { recordings, files, events } = expectSchema("trace", out);
    expect(recordings).toHaveLength(2);
    expect(files.filter((path: string) => existsSync(path))).toHaveLength(2);
    const opened = events.filter(({ kind }: { kind: string }) => kind === "open");
    expect(new Set(opened.map((event: { recording: string }) => event.recording)).size).toBe(2);
  });

  it.concurrent("says what is wrong with a program that is not there, or opens nothing, and with what is no recording", async () => {
    const [missing, idle, other, endless, unrecorded, unkept] = await Promise.all([
      run("trace", "--json", "--", "/nowhere/driver"),
      run("trace", "--", process.execPath, "-e", "0"),
      run("replay", driver, "--json"),
      run("replay", "/dev/zero", "--json"),
      run("replay", join(folder, "none.trace"), "--json"),
      run("trace", "-o", join(folder, "absent", "run.trace"), "--json", "--", "touch", join(folder, "ran")),
    ]);
    expect(missing.status).toBe(2);
    expect(expectSchema("error", missing.out).error.message).toContain(
      '"/nowhere/driver" cannot be started: ENOENT',
    );
    expect(idle).toMatchObject({
      status: 0,
      notes: "the program opened no device by openDevice of userpci\n",
    });
    for (const { out } of [other, endless])
      expect(expectSchema("error", out).error.code).toBe("ERR_PROTOCOL");
    expect(expectSchema("error", unrecorded.out).error.hint).toContain("userpci trace -o");
    // Before the program runs, so that nothing is recorded in vain.
    expect(unkept.status).toBe(1);
    expect(expectSchema("error", unkept.out).error).toMatchObject({
      code: "ENOENT",
      hint: expect.any(String),
    });
    expect(existsSync(join(folder, "ran"))).toBe(false);
  });
});
