import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { writeMachine } from "@userpci/sysfs/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectLines, expectSchema } from "./testing/schema.ts";

// The built command, as it is installed.
const userpci = fileURLToPath(new URL("../bin/userpci.js", import.meta.url));

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-main-"));
  const functions = Array.from({ length: 256 }, (_, index) => ({
    address: `0000:01:${(index >> 3).toString(16).padStart(2, "0")}.${index & 7}`,
    id: "1234:11e8",
    driver: "vfio-pci",
    config: new Uint8Array(64).fill(0x10, 0, 1),
  }));
  writeMachine(root, { functions });
});
afterAll(() => rmSync(root, { recursive: true }));

function start(...argv: string[]) {
  return spawn(process.execPath, [userpci, ...argv], { env: { ...process.env, FORCE_COLOR: "1" } });
}

describe("the built command", () => {
  it("prints to a pipe without colours, and ends with 0", async () => {
    const child = start("list", "--root", root);
    const [out, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
    expect(code).toBe(0);
    expect(out.split("\n")).toHaveLength(258);
    expect(out).not.toContain("\x1b");
  });

  it("shows a dump that comes through a pipe", async () => {
    const child = start("show", "-F", "-");
    const row = "00: 34 12 e8 11 00 00 00 00 10 00 ff 00 00 00 00 00";
    const zeros = [10, 20, 30].map((at) => `${at}:${" 00".repeat(16)}`);
    child.stdin.end(["00:04.0 Unclassified", row, ...zeros, ""].join("\n"));
    const [out, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
    expect(code).toBe(0);
    expect(out).toContain("1234:11e8  unclassified device (00ff00), revision 10, endpoint, 64 bytes");
  });

  it("ends with 1 and a message on standard error if it fails", async () => {
    const child = start("show", "ff:1f.7", "--root", root);
    const [out, notes, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "close"),
    ]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(notes).toContain("ERR_NO_DEVICE");
  });

  it.each([["list"], ["list", "--json"], ["--help"], ["lspci"]])(
    "says that what it printed for %j did not get to the disk, and fails",
    async (...argv) => {
      const full = openSync("/dev/full", "w");
      const child = spawn(process.execPath, [userpci, ...argv], { stdio: ["ignore", full, "pipe"] });
      closeSync(full);
      const [notes, [code]] = await Promise.all([text(child.stderr!), once(child, "close")]);
      expect(code).toBe(1);
      expect(notes).toBe(
        "error  standard output cannot be written: ENOSPC (ENOSPC)\n" +
          "  hint   is the disk full that it goes to? what is missing was not printed\n" +
          "  cause  ENOSPC: no space left on device, write\n",
      );
    },
  );

  it.each([
    ["doctor", "--root", "ROOT"],
    ["config", "diff", "0000:01:00.0", "0000:01:00.1", "--root", "ROOT"],
    ["config", "check", "0000:01:00.0", "--root", "ROOT"],
  ])("%s %s, which answers with 1, fails with 2 where its answer gets lost", async (...argv) => {
    const full = openSync("/dev/full", "w");
    const words = argv.map((word) => (word === "ROOT" ? root : word));
    const child = spawn(process.execPath, [userpci, ...words], { stdio: ["ignore", full, "pipe"] });
    closeSync(full);
    const [notes, [code]] = await Promise.all([text(child.stderr!), once(child, "close")]);
    expect(code).toBe(2);
    expect(notes).toContain("standard output cannot be written: ENOSPC");
  });

  it("keeps its exit status where its messages get lost", async () => {
    const full = openSync("/dev/full", "w");
    const child = spawn(process.execPath, [userpci, "list", "--foo"], { stdio: ["ignore", "pipe", full] });
    closeSync(full);
    expect(await once(child, "close")).toEqual([2, null]);
  });

  it("has one object on standard output of a repl --json, and beside it what the expression prints", async () => {
    const child = start("repl", "--model", "edu", "--json", "-e", 'console.log("hi"); 3');
    const [out, notes] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect(JSON.parse(out).results).toMatchObject([{ text: "3" }]);
    expect(notes).toMatch(/^hi$/m);
  });

  it("fails where the server of a device is killed that it watches", async () => {
    const socket = join(root, "edu.sock");
    const server = start("serve", "edu", "--socket", socket);
    await once(server.stdout, "data");
    const child = start("irq", "watch", "--socket", socket, "--trigger", "--jsonl");
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      out += part;
      server.kill("SIGKILL");
    });
    const [notes, [code]] = await Promise.all([text(child.stderr), once(child, "close")]);
    expect({ notes, code }).toEqual({ notes: "", code: 1 });
    const [event, failure] = out.trimEnd().split("\n");
    expectLines("irq watch", event!);
    const { error } = expectSchema("error", failure);
    expect(error.code).toBe("ERR_DEVICE_GONE");
    expect(error.message).toContain(`${socket} is lost: `);
  });

  it("ends quietly when its reader has seen enough", async () => {
    const child = start("list", "--root", root, "--json");
    child.stdout.destroy();
    const [notes, [code]] = await Promise.all([text(child.stderr), once(child, "close")]);
    expect({ notes, code }).toEqual({ notes: "", code: 0 });
  });
});
