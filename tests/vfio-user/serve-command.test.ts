import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Nic } from "@userpci/nic";
import { vfioUser } from "@userpci/vfio-user/client";
import { openDevice } from "userpci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectLines, expectSchema } from "../../packages/cli/src/testing/schema.ts";

const bin = fileURLToPath(new URL("../../packages/cli/bin/userpci.js", import.meta.url));
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "serve-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** `userpci serve`, with what it prints line by line. */
class ServeCommand implements AsyncDisposable {
  readonly #process;
  readonly #exit: Promise<unknown[]>;
  readonly #lines: AsyncIterator<string>;
  #out = "";

  constructor(...argv: string[]) {
    this.#process = spawn(process.execPath, [bin, "serve", ...argv], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#exit = once(this.#process, "close");
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
    this.#process.stdout!.on("data", (bytes) => {
      this.#out += bytes;
    });
  }

  async line(): Promise<string> {
    return (await this.#lines.next()).value;
  }

  end(signal: NodeJS.Signals): Promise<{ status: unknown; out: string }> {
    this.#process.kill(signal);
    return this.ended();
  }

  /** @returns its exit status and what it has printed to standard output */
  async ended(): Promise<{ status: unknown; out: string }> {
    const [status] = await this.#exit;
    return { status, out: this.#out };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exit;
  }
}

/** Opens what is served and reads its identification. */
async function identify(path: string): Promise<number> {
  await using device = await openDevice(path, { backend: vfioUser(path) });
  return device.bar(0).region().read32(0);
}

const EDU_ID = 0x010000ed;

describe("userpci serve", () => {
  it("serves one client after the other, says so, and takes its socket away at the end", async () => {
    const path = join(folder, "edu.sock");
    await using command = new ServeCommand("edu", "--socket", path);
    expect(await command.line()).toBe(`serving edu at ${path}, to one client at a time; Ctrl-C ends it`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    for (const client of [1, 2]) {
      expect(await identify(path)).toBe(EDU_ID);
      expect(await command.line()).toBe(
        `+ client ${client} connected: process ${process.pid} of uid ${process.getuid!()}`,
      );
      expect(await command.line()).toBe(`✓ client ${client} has the device`);
      expect(await command.line()).toBe(`- client ${client} left`);
    }
    expect(await command.end("SIGINT")).toMatchObject({ status: 0 });
    expect(await command.line()).toBe("ended by SIGINT: 2 clients, 0 faults of the model");
    expect(existsSync(path)).toBe(false);
  });

  it("serves the model of a module to many clients at once, while its thread waits for none of them", async () => {
    const model = join(folder, "model.mjs");
    const edu = JSON.stringify(import.meta.resolve("@userpci/edu/model"));
    writeFileSync(model, `import { edu } from ${edu};\nexport default edu;\n`);
    const path = join(folder, "many.sock");
    await using command = new ServeCommand(model, "--socket", path, "--clients", "many", "--jsonl");
    expect(JSON.parse(await command.line())).toMatchObject({ type: "serving", served: [{ path }] });
    await using first = await openDevice(path, { backend: vfioUser(path) });
    first.bar(0).region().write32(4, 1);
    await using second = await openDevice(path, { backend: vfioUser(path) });
    expect(second.bar(0).region().read32(4)).toBe(0);
    expect(first.bar(0).region().read32(4)).toBe(0xffff_fffe);
    const { status, out } = await command.end("SIGTERM");
    expect(status).toBe(0);
    const lines = expectLines("serve", out);
    expect(lines.map(({ type }) => type)).toEqual([
      "serving",
      "connected",
      "opened",
      "connected",
      "opened",
      "left",
      "left",
      "ended",
    ]);
    expect(lines.at(-1)).toMatchObject({ clients: 2, faults: 0, signal: "SIGTERM", served: [{ path }] });
  });

  it("ends also where the module has timers of its own, and says what is wrong with one that makes a promise", async () => {
    const [ticking, late] = [join(folder, "ticking.mjs"), join(folder, "late.mjs")];
    const edu = JSON.stringify(import.meta.resolve("@userpci/edu/model"));
    writeFileSync(
      ticking,
      `import { edu } from ${edu};\nsetInterval(() => {}, 1000);\nexport default edu;\n`,
    );
    writeFileSync(late, 'export default async () => {\n  throw new Error("late");\n};\n');
    await using command = new ServeCommand(ticking, "--socket", join(folder, "ticking.sock"));
    await command.line();
    expect(await command.end("SIGINT")).toMatchObject({ status: 0 });
    await using other = new ServeCommand(late, "--socket", join(folder, "late.sock"), "--json");
    const { status, out } = await other.ended();
    expect(status).toBe(2);
    expect(expectSchema("error", out).error).toMatchObject({
      message: expect.stringMatching(/makes a promise, not a model$/),
      hint: expect.stringContaining("await"),
    });
  });

  it("serves the linked pair of network interfaces at two sockets, and frames go from one to the other", async () => {
    const path = join(folder, "nic.sock");
    await using command = new ServeCommand("nic", "--socket", path);
    await command.line();
    const attach = async (number: number) => {
      const address = `${path}.${number}`;
      return await openDevice(address, { backend: vfioUser(address) });
    };
    await using first = await attach(0);
    await using second = await attach(1);
    using sender = Nic.attach(first);
    using receiver = Nic.attach(second);
    // To everybody: a frame for another address would be left on the wire.
    const frame = new Uint8Array(64).fill(0xff);
    expect(sender.send(frame)).toBe(true);
    expect((await receiver.frames().next()).value).toEqual(frame);
  });

  it("tells programs all of it at the end", async () => {
    const path = join(folder, "json.sock");
    await using command = new ServeCommand("edu", "--socket", path, "--json");
    while (!existsSync(path)) await setTimeout(10);
    await identify(path);
    const { status, out } = await command.end("SIGINT");
    expect(status).toBe(0);
    const { events, clients } = expectSchema("serve", out);
    expect(clients).toBe(1);
    expect(events.slice(0, 2)).toMatchObject([
      { type: "connected", pid: process.pid },
      { type: "opened", client: 1 },
    ]);
  });

  it("blocks for its client, and still hears of a signal", async () => {
    const path = join(folder, "blocking.sock");
    await using command = new ServeCommand("edu", "--socket", path, "--blocking");
    await command.line();
    await using device = await openDevice(path, { backend: vfioUser(path), release: "keep" });
    expect(device.bar(0).region().read32(0)).toBe(EDU_ID);
    expect(await command.end("SIGTERM")).toMatchObject({ status: 0 });
    expect(() => device.bar(0).region().read32(0)).toThrow(
      expect.objectContaining({ code: "ERR_DEVICE_GONE" }),
    );
  });

  it("replaces the socket of a server that was killed, and leaves that of a living one alone", async () => {
    const path = join(folder, "stale.sock");
    await using killed = new ServeCommand("edu", "--socket", path);
    await killed.line();
    await killed.end("SIGKILL");
    expect(existsSync(path)).toBe(true);
    await using living = new ServeCommand("edu", "--socket", path);
    await living.line();
    await using late = new ServeCommand("edu", "--socket", path, "--json");
    const { status, out } = { ...(await late.end("SIGCONT")) };
    expect(status).toBe(1);
    expect(JSON.parse(out).error).toMatchObject({ code: "ERR_BUSY", path });
    expect(await identify(path)).toBe(EDU_ID);
  });
});
