import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { claim, exclusively } from "./guard.ts";
import { FunctionLock } from "./lock.ts";
import type { LockRecord } from "./lock-record.ts";
import { identify } from "./process-identity.ts";
import { statePath } from "./state-file.ts";

const NIC = "0000:01:00.0";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-lock-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const path = () => statePath(`${NIC}.lock`, { root });
const record = (owners: Partial<LockRecord> = {}): LockRecord => {
  const self = identify(process.pid)!;
  return {
    version: 1,
    address: NIC,
    action: "bind",
    caller: self,
    writer: self,
    since: "2026-01-01",
    ...owners,
  };
};
const take = (owners: Partial<LockRecord> = {}) => FunctionLock.take(record(owners), { root });

/** The identity of a process that has ended. */
async function endedProcess() {
  const child = spawn("sleep", ["60"]);
  await once(child, "spawn");
  const identity = identify(child.pid!)!;
  child.kill("SIGKILL");
  await once(child, "exit");
  return identity;
}

describe("FunctionLock", () => {
  it("is one's until it is released, and tells others whose", async () => {
    const lock = (await take()) as FunctionLock;
    expect(await take({ action: "unbind" })).toEqual(record());
    await lock.release();
    expect(readdirSync(statePath("", { root }))).toEqual([]);
    expect(await take({ action: "unbind" })).toBeInstanceOf(FunctionLock);
  });

  it("is free once neither the caller nor its writer runs", async () => {
    const ended = await endedProcess();
    await take({ caller: ended });
    expect(await take()).toMatchObject({ caller: ended });
    rmSync(path());
    await take({ caller: ended, writer: ended });
    expect(await take()).toBeInstanceOf(FunctionLock);
  });

  it("is not kept by a process that got the number of an owner", async () => {
    const reused = { ...identify(process.pid)!, started: "1" };
    await take({ caller: null, writer: reused });
    expect(await take()).toBeInstanceOf(FunctionLock);
  });

  it("is left alone if its owner is of another pid namespace, where it cannot be looked up", async () => {
    const elsewhere = { pid: 1, started: "1", namespace: "pid:[1]" };
    await take({ caller: elsewhere });
    expect(await take()).toMatchObject({ caller: elsewhere });
  });

  it("that is left to the writer names no caller", async () => {
    const lock = (await take()) as FunctionLock;
    await lock.leaveToWriter();
    expect(await take()).toEqual(record({ caller: null }));
    await lock.release();
    expect(await take()).toBeInstanceOf(FunctionLock);
  });

  it("is one's whichever process writes, after the first has died", async () => {
    const ended = await endedProcess();
    const lock = (await take({ writer: ended })) as FunctionLock;
    await lock.handTo(record().writer);
    await lock.leaveToWriter();
    expect(await take()).toEqual(record({ caller: null }));
    await lock.release();
    expect(await take()).toBeInstanceOf(FunctionLock);
  });

  it.each([
    "",
    "{",
    "null",
    "[]",
    '{"version":1}',
    JSON.stringify({ ...record(), caller: undefined }),
    JSON.stringify({ ...record(), writer: { ...record().writer, pid: "../x" } }),
    JSON.stringify({ ...record(), action: "constructor" }),
    JSON.stringify({ ...record(), since: "\u001b[2J" }),
  ])("takes %s for no lock", async (content) => {
    await (await (take() as Promise<FunctionLock>)).release();
    writeFileSync(path(), content);
    expect(await take()).toBeInstanceOf(FunctionLock);
  });

  it.each([JSON.stringify({ ...record(), version: 2 }), JSON.stringify({ writer: record().writer })])(
    "leaves %s alone, and says what to do",
    async (content) => {
      await (await (take() as Promise<FunctionLock>)).release();
      writeFileSync(path(), content);
      await expect(take()).rejects.toMatchObject({
        code: "ERR_BUSY",
        message: expect.stringContaining("another version of userpci"),
        hint: expect.stringContaining(`sudo rm ${path()}`),
      });
      expect(readFileSync(path(), "utf8")).toBe(content);
    },
  );

  it.each(["release", "leaveToWriter"] as const)(
    "does not %s what changes hands meanwhile",
    async (action) => {
      const lock = (await take()) as FunctionLock;
      const guard = `${path()}.guard`;
      writeFileSync(guard, JSON.stringify(record()));
      const acting = lock[action]();
      await setTimeout(100);
      expect(readFileSync(path(), "utf8")).toBe(JSON.stringify(record()));
      const theirs = JSON.stringify(record({ action: "unbind" }));
      writeFileSync(path(), theirs);
      rmSync(guard);
      await acting;
      expect(readFileSync(path(), "utf8")).toBe(theirs);
    },
  );

  it("does not wait for ever for who died in another pid namespace while he changed it", async () => {
    const elsewhere = { pid: 1, started: "1", namespace: "pid:[1]" };
    const guard = statePath("test.guard", { root });
    await claim(guard, record({ caller: elsewhere }));
    await expect(exclusively(guard, record(), async () => undefined, 20)).rejects.toMatchObject({
      code: "ERR_BUSY",
      hint: expect.stringContaining(`sudo rm ${guard}`),
    });
  });

  it("waits for as many as there are before it, each of whom is done in time", async () => {
    const guard = statePath("test.guard", { root });
    const owner = (action: "bind" | "unbind") =>
      record({ action, caller: { pid: 1, started: "1", namespace: "pid:[1]" } });
    await claim(guard, owner("bind"));
    const done = exclusively(guard, record(), async () => "done", 2000);
    for (const action of ["unbind", "bind", "unbind"] as const) {
      await setTimeout(700);
      writeFileSync(guard, JSON.stringify(owner(action)));
    }
    await setTimeout(700);
    rmSync(guard);
    expect(await done).toBe("done");
  });

  it("does not release what somebody else has by now", async () => {
    const lock = (await take()) as FunctionLock;
    rmSync(path());
    await take({ action: "unbind" });
    await lock.release();
    expect(JSON.parse(readFileSync(path(), "utf8"))).toMatchObject({ action: "unbind" });
  });
});
