import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findFunction } from "@userpci/sysfs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { built, NIC, WaitingMachine } from "./waiting-machine.ts";

// As built: the process that writes is a program of its own.
const { AttributeWriter } = (await import(
  built("writer.js")
)) as typeof import("../../packages/sysfs/src/writer.ts");

let machine: WaitingMachine;
beforeEach(() => {
  machine = new WaitingMachine();
});
afterEach(() => machine[Symbol.dispose]());

describe("a process that binds", () => {
  it.each([
    ["ERR_TIMEOUT", "timeoutMs: 3000"],
    [
      "ERR_ABORTED",
      `signal: abort.signal, reportMs: 100, onProgress: (progress) => waiting(progress) && abort.abort()`,
    ],
  ])("ends at once after %s, although the kernel is still at it", async (code, options) => {
    const { outcome, ended } = machine.start("bind", options);
    expect(await ended).toEqual([0, null]);
    expect(await outcome).toMatchObject({
      code,
      hint: expect.stringContaining(`then: sudo userpci unbind ${NIC}`),
    });
    // The write was not called back.
    expect(await machine.letGo()).toBe(NIC);
  });

  it("may be interrupted at the terminal without a write being cut short", async () => {
    const { child, ended } = await machine.startWaiting("bind");
    process.kill(-child.pid!, "SIGINT");
    expect(await ended).toEqual([null, "SIGINT"]);
    expect(await machine.letGo()).toBe(NIC);
  });
});

describe("a process that writes for bind", () => {
  it("may be killed: the function goes back to its driver, and the message says what happened", async () => {
    const { outcome } = await machine.startWaiting("bind");
    process.kill(machine.state("lock").writer.pid, "SIGKILL");
    expect(await outcome).toMatchObject({
      code: "ERR_BIND_FAILED",
      message: "the process that writes to the kernel ended early, with SIGKILL",
      hint: expect.stringContaining(`sudo userpci unbind ${NIC}`),
    });
    expect(findFunction(NIC, machine).driver).toBe("e1000e");
    expect(machine.stateFiles).toEqual([]);
  });
});

describe("AttributeWriter", () => {
  it("reads, writes without creating, and gives the system's own errors", async () => {
    const writer = await AttributeWriter.start("bind", NIC);
    const path = join(machine.root, "attribute");
    await expect(writer.write(path, "x")).rejects.toMatchObject({ code: "ENOENT", syscall: "open", path });
    writeFileSync(path, "before\n");
    expect(await writer.read(path)).toBe("before\n");
    await writer.write(path, "\n");
    expect(readFileSync(path, "utf8")).toBe("\nefore\n");
    expect(readFileSync(`/proc/${writer.identity.pid}/cmdline`, "utf8")).toMatch(
      /^userpci: bind 0000:01:00.0/,
    );
    writer.close();
  });

  it("fails what it was asked for if its process is killed, then and later", async () => {
    const writer = await AttributeWriter.start("bind", NIC);
    const writing = expect(writer.write(machine.unbindPath, NIC)).rejects.toMatchObject({
      code: "ERR_BIND_FAILED",
      message: expect.stringContaining("SIGKILL"),
    });
    process.kill(writer.identity.pid, "SIGKILL");
    await writing;
    expect(writer.ended).toBe(true);
    await expect(writer.read(machine.unbindPath)).rejects.toMatchObject({ code: "ERR_BIND_FAILED" });
  });
});
