import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { errorCodes } from "../errors.ts";
import { errorCatalogue, errorKinds, findError } from "./index.ts";

const packages = new URL("../../../", import.meta.url);

/** Codes that others make: Node, and PCI Express, whose messages are called so. */
const foreign = ["ERR_UNKNOWN_FILE_EXTENSION", "ERR_FATAL", "ERR_NONFATAL", "ERR_COR"];

/** What calls take a code to compare with, and make no error of it. */
const comparisons = /\b(?:isPciError|hasCode)\(\s*[\w.]+,\s*"ERR_\w+"/g;

/** Every published source, but the catalogue itself. */
const sources = readdirSync(packages, { withFileTypes: true })
  // The suite for backends names the errors that it expects.
  .filter((entry) => entry.isDirectory() && entry.name !== "conformance")
  .flatMap(({ name }) => filesIn(`${name}/src`))
  .map((file) => readFileSync(new URL(file, packages), "utf8"));
const text = sources.join("\n");

function filesIn(folder: string): string[] {
  const path = fileURLToPath(new URL(folder, packages));
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !/(^|\/)catalogue\//.test(file))
    .map((file) => `${folder}/${file}`);
}

/** Where an error is made with a code: as an argument, a property, or one of several that a condition chooses. */
const made = new Set(
  [...text.replace(comparisons, "").matchAll(/(?:[(,?:]|(?<![=!])=|=>|return)\s*"(ERR_[A-Z_]+)"/g)].map(
    ([, code]) => code,
  ),
);

/** Messages that are not ours: commander's, V8's, the kernel's, QEMU's. */
const relayed = ["ERR_USAGE", "ERR_INTERNAL", "ERR_TESTBED_PANIC", "ERR_TESTBED_QMP"];

/** Fewest letters by which a part of a message is known again. */
const TELLING = 9;

/** Runs of two to four words of a message, which are the same whatever values are put in. */
function phrases(message: string): string[] {
  const words = message.split(" ");
  const runs = words.flatMap((_, at) => [2, 3, 4].map((count) => words.slice(at, at + count).join(" ")));
  return runs.filter((run) => run.length >= TELLING && /^[a-z'-]+( [a-z'-]+)+[,:;]?$/i.test(run));
}

describe("the catalogue of errors", () => {
  it("has every code that is in a source", () => {
    const named = new Set([...text.matchAll(/["'`](ERR_[A-Z_]+)["'`]/g)].map(([, code]) => code!));
    const unknown = [...named].filter((code) => !foreign.includes(code) && findError(code) === undefined);
    expect(unknown).toEqual([]);
  });

  it("has no code that nothing throws", () => {
    const codes = errorCatalogue.map(({ code }) => code).filter((code) => code.startsWith("ERR_"));
    expect(codes.filter((code) => !made.has(code))).toEqual([]);
  });

  it("has one entry a code, and every code of ours", () => {
    const codes = errorCatalogue.map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
    expect(codes).toEqual(expect.arrayContaining(Object.keys(errorCodes)));
  });

  it("says of each what it means, why, where it is seen and what mends it, in whole texts", () => {
    for (const { code, kind, meaning, causes, evidence, fix, example } of errorCatalogue) {
      expect(Object.keys(errorKinds), code).toContain(kind);
      for (const line of [meaning, example, ...causes, ...evidence, ...fix]) {
        expect(line, code).toMatch(/^\S.*\S$/);
        expect((line.match(/`/g) ?? []).length % 2, `${code}: ${line}`).toBe(0);
      }
      for (const cause of causes) expect(cause, code).toMatch(/\.$|`$|\)$/);
    }
  });

  it("gives messages as examples that the sources have", () => {
    const examples = errorCatalogue.filter(({ kind, code }) => kind !== "system" && !relayed.includes(code));
    const invented = examples.filter(({ example }) => !phrases(example).some((run) => text.includes(run)));
    expect(invented.map(({ code, example }) => `${code}: ${example}`)).toEqual([]);
  });

  it("finds an entry by its code in any case, and without ERR_", () => {
    expect(findError("ERR_MEMLOCK")?.code).toBe("ERR_MEMLOCK");
    expect(findError("memlock")?.code).toBe("ERR_MEMLOCK");
    expect(findError("ebusy")?.code).toBe("EBUSY");
    expect(findError("ERR_NOTHING")).toBeUndefined();
  });
});
