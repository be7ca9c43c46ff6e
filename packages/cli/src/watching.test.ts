import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { emulated } from "@userpci/device-model";
import { edu } from "@userpci/edu/model";
import { openDevice, type PciDevice } from "userpci";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { expectLines, expectSchema } from "./testing/schema.ts";

// The built command, as it is installed.
const userpci = fileURLToPath(new URL("../bin/userpci.js", import.meta.url));
const ADDRESS = "0000:00:04.0";

let folder = "";
let directory = "";
let device: PciDevice;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "watching-"));
  directory = join(folder, "userpci");
  vi.stubEnv("USERPCI_TELEMETRY", directory);
  // This very process is the one that is watched.
  device = await openDevice(ADDRESS, { backend: emulated({ [ADDRESS]: edu() }) });
  const registers = device.bar(0).map();
  for (let i = 0; i < 42; i++) registers.read32(0);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await device.close();
  rmSync(folder, { recursive: true });
});

const shellWords = (...words: string[]): string => words.map((word) => `'${word}'`).join(" ");
const top = (...argv: string[]): string =>
  shellWords(process.execPath, userpci, "top", "--at", directory, "--interval", "0.1", ...argv);

/** A shell on a terminal of its own (script(1), of util-linux), with all that the terminal was sent. */
class OnTerminal {
  readonly #child: ChildProcess;
  shown = "";
  readonly #waiting = new Set<() => void>();

  constructor(commands: string) {
    const lines = ["stty rows 24 cols 100", "stty -g", commands, 'echo "status=$?"', "stty -g"];
    this.#child = spawn("script", ["-qec", lines.join("\n"), "/dev/null"], {
      env: { ...process.env, TERM: "xterm", SHELL: "/bin/sh" },
    });
    this.#child.stdout!.setEncoding("utf8").on("data", (part: string) => {
      this.shown += part;
      for (const look of this.#waiting) look();
    });
  }

  /** Resolves when this has been shown since a place. */
  async until(pattern: RegExp, from = 0): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!pattern.test(this.shown.slice(from))) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  press(keys: string): void {
    this.#child.stdin!.write(keys);
  }

  /** Resolves when the shell has ended, with what stty(1) said before and after. */
  async end(): Promise<{ before: string; after: string; status: string }> {
    await once(this.#child, "close");
    const modes = this.shown.match(/^[0-9a-f]+(:[0-9a-f]+){10,}/gm)!;
    return { before: modes[0]!, after: modes.at(-1)!, status: /status=(\d+)/.exec(this.shown)![1]! };
  }
}

// biome-ignore-start lint/suspicious/noControlCharactersInRegex: this is what terminals are told by
const entered = /\x1b\[\?1049h\x1b\[\?25l/;
const frame = /\x1b\[H[\s\S]*\x1b\[J/;
const drawnWhole = /ends it[\s\S]*\x1b\[J/;
const left = /\x1b\[\?25h\x1b\[\?1049l/;
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: as above

describe("userpci top on a terminal", () => {
  it.each([
    ["q", "q"],
    ["Ctrl-C", "\x03"],
  ])("shows devices live, and leaves the terminal as it was by %s", async (_name, key) => {
    const terminal = new OnTerminal(top());
    await terminal.until(/MAPPED[\s\S]*0000:00:04\.0 [\s\S]*READ\/S/);
    terminal.press(key);
    const { before, after, status } = await terminal.end();
    expect([after, status]).toEqual([before, "0"]);
    expect(terminal.shown).toMatch(entered);
    expect(terminal.shown.search(left)).toBeGreaterThan(terminal.shown.search(entered));
    // Nothing that belongs on its screen comes after that.
    expect(terminal.shown.slice(terminal.shown.search(left))).not.toContain("userpci top");
  });

  it("draws for another size at once, and leaves the terminal as it was by a signal", async () => {
    const shrink = "(read word <resize; stty rows 4 cols 40 </dev/tty) &";
    const live = `sh -c 'echo pid=$$; exec "$@"' sh ${top("--interval", "60")}`;
    const terminal = new OnTerminal(`cd '${folder}'; mkfifo resize; ${shrink} ${live}`);
    await terminal.until(drawnWhole);
    const linesOfFrame = (): number =>
      terminal.shown.slice(terminal.shown.lastIndexOf("\x1b[H")).split("\r\n").length - 1;
    expect(linesOfFrame()).toBeGreaterThan(3);
    const drawn = terminal.shown.length;
    writeFileSync(join(folder, "resize"), "now\n");
    await terminal.until(frame, drawn);
    // stty(1) sets the rows and then the columns: two sizes, for which it may draw twice.
    await expect.poll(linesOfFrame).toBe(3);
    process.kill(Number(/pid=(\d+)/.exec(terminal.shown)![1]), "SIGTERM");
    const { before, after, status } = await terminal.end();
    expect([after, status]).toEqual([before, "0"]);
  });

  it.each([["top"], ["top --jsonl"]])("%s ends when nobody reads it any more", async (command) => {
    const [, ...options] = command.split(" ");
    const terminal = new OnTerminal(`${top(...options)} | head -n 1`);
    const { before, after, status } = await terminal.end();
    expect([after, status]).toEqual([before, "0"]);
    expect(terminal.shown).not.toMatch(entered);
  });
});

async function output(...argv: string[]): Promise<{ out: string; status: number }> {
  const child = spawn(process.execPath, [userpci, ...argv], { stdio: ["ignore", "pipe", "inherit"] });
  const [out, [status]] = await Promise.all([text(child.stdout), once(child, "close")]);
  return { out, status };
}

describe("userpci top without a terminal", () => {
  it("prints once what programs count, for people and for programs", async () => {
    const [people, program] = await Promise.all([
      output("top", "--at", directory, "--once"),
      output("top", "--at", directory, "--json"),
    ]);
    expect(people.status).toBe(0);
    expect(people.out).toMatch(new RegExp(`${ADDRESS} +${process.pid}  emulated +42 +0 `));
    const { programs } = expectSchema("top", program.out);
    expect(programs).toMatchObject([
      { pid: process.pid, devices: [{ address: ADDRESS, registers: { mapped: { reads: 42, writes: 0 } } }] },
    ]);
  });

  it("prints one line of JSON with --once, with its time", async () => {
    const { out } = await output("top", "--at", directory, "--jsonl", "--once");
    expect(expectLines("top", out)).toMatchObject([{ programs: [{ pid: process.pid }] }]);
  });

  it("prints a line of JSON a look until a signal", async () => {
    const child = spawn(process.execPath, [
      userpci,
      "top",
      "--at",
      directory,
      "--jsonl",
      "--interval",
      "0.1",
    ]);
    let out = "";
    child.stdout.on("data", (part) => {
      out += part;
      if (out.split("\n").length > 2 && !child.killed) child.kill("SIGINT");
    });
    expect(await once(child, "close")).toEqual([0, null]);
    expect(expectLines("top", out).length).toBeGreaterThan(1);
  });

  it("refuses a place and a time that are none", async () => {
    const wrong = [
      ["--at", "here"],
      ["--interval", "soon"],
    ];
    const results = await Promise.all(wrong.map((options) => output("top", "--json", ...options)));
    for (const { status, out } of results) {
      expect(status).toBe(2);
      expect(expectSchema("error", out).error.code).toBe("ERR_INVALID_ARGUMENT");
    }
  });
});

describe("userpci monitor", () => {
  it("ends after its time, or by a signal, and says by what", async () => {
    const timed = expectSchema("monitor", (await output("monitor", "--for", "0.05", "--json")).out);
    expect(timed).toMatchObject({ signal: null, dropped: 0 });
    const child = spawn(process.execPath, [userpci, "monitor", "--json"]);
    await once(child.stderr, "data");
    child.kill("SIGTERM");
    const [out, [status]] = await Promise.all([text(child.stdout), once(child, "close")]);
    expect([status, expectSchema("monitor", out).signal]).toEqual([0, "SIGTERM"]);
  });
});
