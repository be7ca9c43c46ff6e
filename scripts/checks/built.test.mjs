import { rmSync } from "node:fs";
import { afterEach, expect, it } from "vitest";
import { checkBuilt } from "./built.mjs";
import { packageFiles, repository } from "./testing.mjs";

/** @type {string[]} */
const folders = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** @param {Record<string, string>} built files below the dist of a package */
function problemsOf(built) {
  const files = Object.entries(built).map(([name, code]) => [`packages/iommu/dist/${name}`, code]);
  const top = repository({ ...packageFiles("iommu", ""), ...Object.fromEntries(files) });
  folders.push(top);
  return checkBuilt(top);
}

/** @param {string} code */
const problems = (code) => problemsOf({ "demo/host.js": code });

it.each(['import { a } from "./a.js";', 'await import("./a.js");', 'const name = "./a.ts";'])(
  "says nothing about %s",
  (code) => expect(problems(code)).toEqual([]),
);

it.each(['export * from "../a.ts";', 'async () => import("../a.ts");'])("refuses %s", (code) => {
  expect(problems(code)).toEqual([
    "packages/iommu/dist/demo/host.js imports ../a.ts, which is not published",
  ]);
});

it.each([{}, { ".tsbuildinfo": "{}" }])("refuses a package that was not built: %o", (built) => {
  expect(problemsOf(built)).toEqual(["packages/iommu/dist holds no module: run `npm run build`"]);
});
