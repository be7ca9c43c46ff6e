import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { runDropIn } from "../../packages/cli/src/lspci/run.ts";
import { extendedGenerators } from "./extended/generators.ts";
import { generators } from "./generate.ts";
import { eachBit, generate } from "./generated.ts";
import { dumpOf, EXTENDED, FIRST, withCapability, withExtended } from "./space.ts";
import { lengthen } from "./sparse.mjs";

// `userpci lspci` runs a bundle, whose register tables were evaluated when it was made.
process.env["NODE_DISABLE_COMPILE_CACHE"] = "1";
const dist = fileURLToPath(new URL("../../packages/cli/dist/", import.meta.url));
const [name = "lspci was not bundled"] = readdirSync(dist).filter((file) =>
  /^bundled-lspci-.*\.cjs$/.test(file),
);
const bundle = createRequire(import.meta.url)(join(dist, name)) as { runDropIn: typeof runDropIn };

const folder = mkdtempSync(join(tmpdir(), "userpci-bundled-"));
afterAll(() => rmSync(folder, { recursive: true }));
const names = join(folder, "pci.ids");
writeFileSync(names, "1af4  Some vendor\n");

function printed(run: typeof runDropIn, argv: readonly string[]): string {
  let text = "";
  const note = (part: string | Uint8Array) => {
    text += typeof part === "string" ? part : Buffer.from(part).toString("latin1");
  };
  const status = run(argv, { write: note, note } as unknown as Parameters<typeof runDropIn>[1]);
  return `${text}${status}`;
}

function expectSame(dump: string, commands = ["-vvvnn", "-vb", "-t", "-mm"]): void {
  const path = join(folder, "dump.txt");
  writeFileSync(path, dump, "latin1");
  for (const options of commands) {
    const argv = ["-i", names, "-F", path, options];
    const whole = printed(runDropIn, argv);
    expect(whole).toMatch(/\n0$/);
    expect(printed(bundle.runDropIn, argv) === whole, options).toBe(true);
  }
}

it("brings what V8 compiled, so that the first run compiles nothing", () => {
  const env = { ...process.env, XDG_CACHE_HOME: join(folder, "cache"), NODE_DISABLE_COMPILE_CACHE: "" };
  const userpci = join(dist, "../bin/userpci.js");
  const dump = join(folder, "first.txt");
  writeFileSync(dump, "00:00.0 Device\n00: f4 1a 00 10\n");
  const { stderr, status } = spawnSync(process.execPath, [userpci, "lspci", "-F", dump], {
    encoding: "utf8",
    env,
  });
  expect({ stderr, status, kept: existsSync(env.XDG_CACHE_HOME) }).toEqual({
    stderr: "",
    status: 0,
    kept: false,
  });
});

const corpus = new URL("corpus/", import.meta.url);
it.each(readdirSync(corpus))("prints %s as the sources do", (file) => {
  expectSame(lengthen(readFileSync(new URL(file, corpus), "utf8")));
});

it.each(Object.entries({ ...generators, ...extendedGenerators }))(
  "prints %s as the sources do",
  (_, make) => {
    expectSame(dumpOf(generate(make, 60)));
  },
);

it("prints every bit of every capability as the sources do", () => {
  const standard = Array.from({ length: 0x16 }, (_, id) => eachBit(withCapability(id), FIRST + 2, 0x3a));
  const extended = Array.from({ length: 0x38 }, (_, id) =>
    eachBit(withExtended(id, 1, 0x200), EXTENDED + 4, 0x40),
  );
  for (const spaces of [...standard, ...extended]) expectSame(dumpOf(spaces), ["-vvvnn"]);
});
