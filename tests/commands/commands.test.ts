import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeMachine } from "@userpci/sysfs/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commands } from "../../packages/cli/src/commands.ts";
import { expectLines, expectSchema, readSchema, schemaFiles } from "../../packages/cli/src/testing/schema.ts";
import { elsewhere, onHost } from "./command-lines.ts";

const userpci = fileURLToPath(new URL("../../packages/cli/bin/userpci.js", import.meta.url));

const config = new Uint8Array(256);
config.set([0x34, 0x12, 0xe8, 0x11, 0x02, 0x00, 0x10, 0x00, 0x10, 0x00, 0xff, 0x00]);

let folder = "";
let root = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "userpci-commands-"));
  root = join(folder, "root");
  writeMachine(root, {
    functions: [
      { address: "0000:00:04.0", id: "1234:11e8", driver: "vfio-pci", group: 4, config },
      { address: "0000:00:05.0", id: "8086:10d3", classCode: 0x020000, driver: "e1000e", group: 5, config },
    ],
    groups: [4, 5].map((number) => ({ number, type: "DMA" })),
    nodes: ["/dev/vfio/4"],
    processes: [{ pid: 41, comm: "idle", fds: [] }],
    drivers: ["vfio-pci"],
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the built command. */
function run(command: string, argv: readonly string[], ...form: string[]) {
  const empty = mkdtempSync(join(folder, "empty-"));
  const words = argv.map((word) => word.replace("ROOT", root).replace("FOLDER", empty));
  const line = [userpci, ...command.split(" "), ...words, ...form];
  return new Promise<{ status: number; out: string; notes: string }>((resolve) => {
    const child = execFile(process.execPath, line, (_, out, notes) =>
      resolve({ status: child.exitCode ?? -1, out, notes }),
    );
    child.stdin!.end();
  });
}

/** Whether the lines of a command are not what `--json` prints. */
function hasLines(command: string): boolean {
  const file = `${command.replaceAll(" ", "-")}.json`;
  return schemaFiles().includes(file) && readSchema(file).$defs?.line !== undefined;
}

describe("every command", () => {
  it("is run as it is built, and its JSON held against its schema, by a test", () => {
    expect([...Object.keys(onHost), ...Object.keys(elsewhere)].sort()).toEqual(
      commands.map(({ name }) => name).sort(),
    );
  });

  it.each(Object.entries(elsewhere))("%s is run by %s", (command, file) => {
    const source = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
    expect(source).toMatch(/userpci\.js|harness\/command-lines/);
    expect(source).toMatch(new RegExp(`expect(Schema|Lines)\\(\\s*"${command}"`));
  });
});

const lines = Object.entries(onHost);

describe("the built command", () => {
  it.concurrent.each(lines)(
    "%s prints text for people, and JSON as its schema says",
    async (command, line) => {
      const { argv, text, status = 0, schema = command } = line;
      const [forPeople, forPrograms] = await Promise.all([run(command, argv), run(command, argv, "--json")]);
      expect(forPeople.out + forPeople.notes).toMatch(text);
      expect(forPeople.status).toBe(status);
      expect(forPrograms.status).toBe(status);
      expectSchema(schema, forPrograms.out);
    },
  );

  it.concurrent.each(lines.filter(([command]) => hasLines(command)))(
    "%s prints lines of JSON as its schema says",
    async (command, { argv, status = 0, silent = false }) => {
      const printed = await run(command, argv, "--jsonl");
      expect(printed.status).toBe(status);
      expect(expectLines(command, printed.out).length > 0).toBe(!silent);
    },
  );
});
