import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeMachine } from "./testing/machine.ts";

const NIC = "0000:01:00.0";
// The built package: the process that writes is a program of its own.
const built = (file: string) => new URL(`../dist/${file}`, import.meta.url).href;
const { AttributeWriter } = (await import(built("writer.js"))) as typeof import("./writer.ts");

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-writer-"));
  writeMachine(root, {
    functions: [{ address: NIC, id: "8086:10d3", driver: "e1000e", group: 6 }],
    drivers: ["vfio-pci"],
  });
  rmSync(unbindPath());
  // A named pipe keeps who opens it for writing waiting until somebody reads: a driver that does not let go.
  execFileSync("mkfifo", [unbindPath()]);
});
afterEach(() => rmSync(root, { recursive: true }));

const unbindPath = () => join(root, "/sys/bus/pci/drivers/e1000e/unbind");

/** Starts a process that binds the function and reports how that ends; `options` is its source text. */
function startBinding(options: string) {
  const program = `
    import { bind } from "${built("index.js")}";
    const ended = await bind("${NIC}", { root: ${JSON.stringify(root)}, ${options} }).catch((error) => error);
    process.stdout.write(JSON.stringify({ code: ended.code, hint: ended.hint }));`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
    detached: true,
  });
  return { child, out: text(child.stdout!), ended: once(child, "exit") };
}

describe("a process that binds", () => {
  it.each([
    ["ERR_TIMEOUT", "timeoutMs: 300"],
    ["ERR_ABORTED", "signal: AbortSignal.timeout(300)"],
  ])("ends at once after %s, although the kernel is still at it", async (code, options) => {
    const { child, out, ended } = startBinding(options);
    child.disconnect();
    expect(await ended).toEqual([0, null]);
    expect(JSON.parse(await out)).toEqual({
      code,
      hint: expect.stringContaining(`then: sudo userpci unbind ${NIC}`),
    });
    // The write was not called back.
    expect(await readFile(unbindPath(), "utf8")).toBe(NIC);
  });

  it("may be interrupted at the terminal without a write being cut short", async () => {
    const { child, ended } = startBinding(
      `reportMs: 100,
       onProgress: ({ step, elapsedMs }) => step === "release" && elapsedMs > 0 && process.send(step)`,
    );
    await once(child, "message");
    process.kill(-child.pid!, "SIGINT");
    expect(await ended).toEqual([null, "SIGINT"]);
    expect(await readFile(unbindPath(), "utf8")).toBe(NIC);
  });
});

describe("AttributeWriter", () => {
  it("reads, writes without creating, and gives the system's own errors", async () => {
    const writer = new AttributeWriter("userpci: test");
    const path = join(root, "attribute");
    await expect(writer.write(path, "x")).rejects.toMatchObject({ code: "ENOENT", syscall: "open", path });
    writeFileSync(path, "before\n");
    expect(await writer.read(path)).toBe("before\n");
    await writer.write(path, "\n");
    expect(readFileSync(path, "utf8")).toBe("\nefore\n");
    expect(readFileSync(`/proc/${writer.pid}/cmdline`, "utf8")).toMatch(/^userpci: test/);
    writer.close();
  });

  it("fails what it was asked for if its process is killed, then and later", async () => {
    const writer = new AttributeWriter("userpci: test");
    const writing = expect(writer.write(unbindPath(), NIC)).rejects.toMatchObject({
      code: "ERR_BIND_FAILED",
      message: expect.stringContaining("SIGKILL"),
    });
    process.kill(writer.pid!, "SIGKILL");
    await writing;
    await expect(writer.read(unbindPath())).rejects.toMatchObject({ code: "ERR_BIND_FAILED" });
  });
});
