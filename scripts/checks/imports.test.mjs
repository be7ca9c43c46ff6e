import { rmSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { checkImports } from "./imports.mjs";
import { packageFiles, repository } from "./testing.mjs";

/** @type {string[]} */
const folders = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** @param {Record<string, unknown>[]} files */
function problems(...files) {
  const top = repository(Object.assign({}, ...files));
  folders.push(top);
  return checkImports(top);
}

const base = packageFiles("interface", "export const a = 1;\n");
const iommu = (/** @type {string} */ source, /** @type {object} */ options = {}) =>
  packageFiles("iommu", source, {
    dependencies: ["@userpci/interface"],
    references: ["interface"],
    ...options,
  });
const lawful = 'import { a } from "@userpci/interface";\nexport const b = a;\n';

describe("checkImports", () => {
  it("says nothing about imports that point down and are declared", () => {
    expect(problems(base, iommu(lawful))).toEqual([]);
  });

  it.each([
    ["a value", 'import { dma } from "@userpci/dma";'],
    ["a type", 'import type { Dma } from "@userpci/dma";'],
    ["an inline type", 'export type D = import("@userpci/dma").Dma;'],
    ["a re-export", 'export * from "@userpci/dma";'],
    ["a lazy import", 'export const dma = () => import("@userpci/dma");'],
    ["a subpath", 'import "@userpci/dma/testing";'],
  ])("refuses %s from a package that the table does not list", (_what, line) => {
    const dma = packageFiles("dma", "export {};\n");
    const found = problems(base, dma, iommu(`${lawful}${line}\n`));
    expect(found.join("\n")).toMatch(
      /packages\/iommu\/src\/index\.ts imports @userpci\/dma.*: iommu may import only interface/,
    );
  });

  it("refuses a development dependency and a reference that point up", () => {
    const dma = packageFiles("dma", "export {};\n");
    const options = { devDependencies: ["@userpci/dma"], references: ["interface", "dma"] };
    expect(problems(base, dma, iommu(lawful, options))).toEqual([
      "packages/iommu/package.json names @userpci/dma: iommu may import only interface",
      "packages/iommu/tsconfig.json references ../dma, which no published file imports",
    ]);
  });

  it("refuses an import that is not declared, and one that only tests may use", () => {
    const options = { dependencies: [], devDependencies: ["@userpci/interface"] };
    expect(problems(base, iommu(lawful, options))).toEqual([
      "packages/iommu/src/index.ts imports @userpci/interface, which dependencies does not name",
    ]);
  });

  it("refuses a relative import that leaves its package, also from the private folders", () => {
    const outside = iommu(`${lawful}export * from "../../interface/src/index.ts";\n`);
    const examples = {
      "examples/package.json": { name: "@userpci/examples" },
      "examples/a.ts": 'import "../packages/interface/src/index.ts";\n',
    };
    expect(problems(base, outside, examples)).toEqual([
      "packages/iommu/src/index.ts imports ../../interface/src/index.ts, outside its package",
      "examples/a.ts imports ../packages/interface/src/index.ts, outside its package",
    ]);
  });

  it("lets a test look into the packages that it declares, and into no other", () => {
    const tests = {
      "tests/package.json": {
        name: "@userpci/tests",
        devDependencies: { "@userpci/interface": "workspace:^" },
      },
      "tests/a.test.ts":
        'import "../packages/interface/src/a.ts";\nimport "../packages/iommu/src/a.ts";\nimport "../scripts/a.mjs";\n',
    };
    expect(problems(base, iommu(lawful), tests)).toEqual([
      "tests/a.test.ts imports @userpci/iommu, which package.json does not name",
      "tests/a.test.ts imports ../scripts/a.mjs, outside its package",
    ]);
  });

  it("lets a test look into the benchmarks if it declares them", () => {
    const benchmarks = { "benchmarks/package.json": { name: "@userpci/benchmarks" } };
    const test = { "tests/a.test.ts": 'import "../benchmarks/src/a.ts";\n' };
    const named = { name: "@userpci/tests", devDependencies: { "@userpci/benchmarks": "workspace:^" } };
    expect(problems(base, benchmarks, test, { "tests/package.json": named })).toEqual([]);
    expect(problems(base, benchmarks, test, { "tests/package.json": { name: "@userpci/tests" } })).toEqual([
      "tests/a.test.ts imports @userpci/benchmarks, which package.json does not name",
    ]);
  });

  it("refuses a Node built-in where the code runs in a browser, but not in its tests", () => {
    const test = { "packages/iommu/src/a.test.ts": 'import "node:assert";\n' };
    expect(problems(base, iommu(`${lawful}import "node:fs";\n`), test)).toEqual([
      "packages/iommu/src/index.ts imports node:fs: iommu runs without Node",
    ]);
  });

  it("refuses a reference that is missing: a build would find the other package's output by luck", () => {
    expect(problems(base, iommu(lawful, { references: [] }))).toEqual([
      "packages/iommu/tsconfig.json does not reference ../interface, which is imported",
    ]);
  });

  it("refuses a run-time dependency on a package of others", () => {
    const options = { dependencies: ["@userpci/interface", "left-pad"] };
    expect(problems(base, iommu(lawful, options))).toEqual([
      "packages/iommu depends on left-pad: not in the table of scripts/architecture.mjs",
    ]);
  });

  it("refuses a package that nobody has placed on a floor", () => {
    expect(problems(base, packageFiles("extra", "export {};\n"))).toEqual([
      "packages/extra is not in the table of scripts/architecture.mjs",
    ]);
  });
});
