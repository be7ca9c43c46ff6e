import type { AsyncCompleter } from "node:readline";
import type { REPLServer } from "node:repl";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import type { Region } from "@userpci/interface";
import { bytesRegion } from "@userpci/pci-config";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { CommandCall } from "../command.ts";
import { run } from "../run.ts";
import { tools } from "../specs/tools.ts";
import { createStyle } from "../style.ts";
import { openTarget } from "../target/open.ts";
import type { Target } from "../target/target.ts";
import type { Terminal } from "../terminal.ts";
import { expectLines, expectSchema } from "../testing/schema.ts";
import { ConfigJournal } from "./config-journal.ts";
import { startPrompt, untilLeft } from "./prompt.ts";
import { Session } from "./session.ts";

let target: Target;
let session: Session;
beforeEach(async () => {
  const call = { arguments: [undefined], options: { model: "edu" } } as unknown as CommandCall;
  target = await openTarget(call);
  session = new Session(target, true);
});
afterEach(() => target.close());

async function userpci(...argv: string[]): Promise<{ status: number; out: string }> {
  let out = "";
  const style = createStyle(false);
  const terminal: Terminal = {
    write: (words) => {
      out += words;
    },
    note: () => undefined,
    style,
    noteStyle: style,
    interactive: false,
    columns: undefined,
    noteColumns: undefined,
  };
  return { status: await run(["repl", "--model", "edu", ...argv], terminal), out };
}

/** A region as a plain object. */
function spread(region: Region): Region {
  return {
    size: region.size,
    read8: (offset) => region.read8(offset),
    read16: (offset) => region.read16(offset),
    read32: (offset) => region.read32(offset),
    read64: (offset) => region.read64(offset),
    write8: (offset, value) => region.write8(offset, value),
    write16: (offset, value) => region.write16(offset, value),
    write32: (offset, value) => region.write32(offset, value),
    write64: (offset, value) => region.write64(offset, value),
  };
}

/** What the prompt offers for a line. */
function completions(server: REPLServer, line: string): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    (server.completer as AsyncCompleter)(line, (error, result) =>
      error ? reject(error) : resolve(result![0]),
    );
  });
}

describe("undo of what is written to configuration space", () => {
  it("takes writes back one after the other, also those through the device", () => {
    const { journal } = session;
    const { config, device } = session.names as {
      config: Target["config"];
      device: NonNullable<Target["device"]>;
    };
    const before = config.command.raw;
    config.command.update({ busMaster: true });
    device.config.command.update({ interruptDisable: true });
    expect(journal.writes.map(({ offset, bits }) => [offset, bits])).toEqual([
      [4, 16],
      [4, 16],
    ]);
    expect(session.undo()).toMatch(/^config \+ 0x4: 0x0406 is 0x0006 again$/);
    session.undo();
    expect(config.command.raw).toBe(before);
    expect(session.undo()).toBe("nothing was written to configuration space");
  });

  it("writes no byte that was not changed", () => {
    const written: number[] = [];
    const region = bytesRegion(new Uint8Array(64).fill(0xff));
    const write8 = (offset: number, value: number): void => {
      written.push(offset);
      region.write8(offset, value);
    };
    const journal = new ConfigJournal({ ...spread(region), write8 });
    journal.write32(4, 0xffff_00ff);
    journal.write16(8, 0xffff);
    expect(journal.writes).toHaveLength(1);
    journal.undo();
    expect(region.read32(4)).toBe(0xffff_ffff);
    expect(written).toEqual([5]);
  });
});

describe("the prompt", () => {
  it("completes names of registers, and reads none of them", async () => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const server = startPrompt(session, { input, output, terminal: false, colours: false });
    const left = untilLeft(server);
    expect(await completions(server, "registers.DMA_C")).toEqual([
      "registers.DMA_COMMAND",
      "registers.DMA_COUNT",
    ]);
    expect(await completions(server, "config.endp")).toEqual(["config.endpoint"]);
    input.end(".undo\nregisters.FACTORIAL.write(5)\nregisters.FACTORIAL\n120\n.registers\n.config\n.exit\n");
    await left;
    output.end();
    const lines = (await text(output)).split("\n");
    expect(lines.slice(0, 4)).toEqual([
      "nothing was written to configuration space",
      "undefined",
      "FACTORIAL = 0x5",
      "120 (0x78)",
    ]);
    expect(lines).toContain("DMA_COMMAND");
    expect(lines.join("\n")).toContain("1234:11e8");
  });
});

describe("userpci repl --evaluate", () => {
  it("shows a register by its fields, a number also in hexadecimal, and waits for promises", async () => {
    const { status, out } = await userpci(
      ...[
        "registers.IDENTIFICATION",
        "config.command",
        "config.status",
        "await Promise.resolve(255)",
        "globalThis.kept = 3; kept",
        "kept",
      ].flatMap((source) => ["-e", source]),
    );
    expect({ status, out }).toEqual({
      status: 0,
      out: "IDENTIFICATION = 0x10000ed MAGIC=0xed MAJOR=1\ncommand = 0x2 (memory)\nstatus = 0x10 (capabilitiesList, deviceSelectTiming fast)\n255 (0xff)\n3\n3\n",
    });
  });

  it("shows what its help tries without hardware", async () => {
    const example = tools
      .find(({ name }) => name === "repl")!
      .examples.map(([line]) => line)
      .find((line) => line.startsWith("repl --model edu "))!;
    const sources = [...example.matchAll(/ -e (?:'([^']*)'|(\S+))/g)].map(
      ([, quoted, word]) => quoted ?? word!,
    );
    const { status, out } = await userpci(...sources.flatMap((source) => ["-e", source]));
    expect({ status, out }).toEqual({ status: 0, out: "FACTORIAL = 0x78\n" });
  });

  it("has what the prompt has of Node", async () => {
    const sources = [
      "await new Promise((resolve) => setTimeout(resolve, 1)), 5",
      'Buffer.from("ed", "hex")[0] + process.argv.length * 0',
      'require("node:path").basename("/a/b")',
      '(await import("node:path")).sep',
      "[1].constructor === Array",
    ];
    const { status, out } = await userpci(...sources.flatMap((source) => ["-e", source]));
    expect({ status, out }).toEqual({ status: 0, out: "5\n237 (0xed)\n'b'\n'/'\ntrue\n" });
  });

  it("has the value of the last statement, and keeps what is declared", async () => {
    const sources = [
      "registers.FACTORIAL.write(5); registers.FACTORIAL",
      "let x = 3",
      "x + 1",
      "const y = await Promise.resolve(7); y * 10",
      "if (y > x) { 'more' }",
      "function twice(n) { return 2 * n }",
      "let x = 6; twice(x)",
      "{ a: x }",
      "[1, 2].map((n) => n * x) // both",
      "null",
    ];
    const { status, out } = await userpci(...sources.flatMap((source) => ["-e", source]));
    expect({ status, out }).toEqual({
      status: 0,
      out: "FACTORIAL = 0x5\n4\n70 (0x46)\n'more'\n12 (0xc)\n{ a: 6 }\n[ 6, 12 ]\nnull\n",
    });
  });

  it("prints on standard error what an expression prints, where standard output has JSON", async () => {
    const printed: unknown[] = [];
    const errors = vi.spyOn(process.stderr, "write").mockImplementation((text) => printed.push(text) > 0);
    try {
      const source = 'process.stdout.write("hi\\n"); 3';
      expect(expectSchema("repl", (await userpci("--json", "-e", source)).out).results).toEqual([
        { expression: source, text: "3" },
      ]);
      expect(printed).toEqual(["hi\n"]);
    } finally {
      errors.mockRestore();
    }
  });

  it("tells programs results, and what remains written to configuration space", async () => {
    const argv = ["-e", "config.command.update({ busMaster: true })", "-e", "bar0.size"];
    const { writes, results } = expectSchema("repl", (await userpci("--json", ...argv)).out);
    expect(writes).toEqual([{ offset: 4, bits: 16, before: "0x2", after: "0x6" }]);
    expect(results[1]).toEqual({ expression: "bar0.size", text: "1048576 (0x100000)" });
    const lines = expectLines("repl", (await userpci("--jsonl", ...argv)).out);
    expect(lines.map(({ type }) => type)).toEqual(["evaluated", "evaluated", "ended"]);
  });

  it("refuses what is no JavaScript, and a prompt for programs; fails with what is thrown", async () => {
    const wrong = await userpci("--json", "-e", "registers.");
    expect(wrong.status).toBe(2);
    expect(expectSchema("error", wrong.out).error.message).toMatch(/"registers\." is no JavaScript: /);
    const prompt = await userpci("--json");
    expect(prompt.status).toBe(2);
    expect(expectSchema("error", prompt.out).error.hint).toContain("--evaluate");
    for (const [source, thrown] of [
      ['throw new TypeError("not so")', "TypeError: not so"],
      ["nothing.there", "ReferenceError: nothing is not defined"],
      ["throw null", "null"],
    ] as const) {
      const { status, out } = await userpci("--json", "-e", source);
      const { error } = expectSchema("error", out);
      expect([status, error.code]).toEqual([1, "ERR_INVALID_ARGUMENT"]);
      expect(error.message).toBe(`${JSON.stringify(source)} threw ${thrown}`);
      expect(error.stack).toBeUndefined();
    }
    const failed = await userpci("--json", "-e", "await device.reset()");
    expect(failed.status).toBe(1);
    expect(expectSchema("error", failed.out).error.code).toBe("ERR_NO_RESET");
  });
});
