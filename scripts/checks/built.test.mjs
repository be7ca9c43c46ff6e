import { rmSync } from "node:fs";
import { afterEach, expect, it } from "vitest";
import { checkBuilt } from "./built.mjs";
import { packageFiles, repository } from "./testing.mjs";

/** @type {string[]} */
const folders = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** @param {string} code */
function problems(code) {
  const top = repository({ ...packageFiles("iommu", ""), "packages/iommu/dist/demo/host.js": code });
  folders.push(top);
  return checkBuilt(top);
}

it.each(['import { a } from "./a.js";', 'await import("./a.js");', 'const name = "./a.ts";'])(
  "says nothing about %s",
  (code) => expect(problems(code)).toEqual([]),
);

it.each(['export * from "../a.ts";', 'async () => import("../a.ts");'])("refuses %s", (code) => {
  expect(problems(code)).toEqual([
    "packages/iommu/dist/demo/host.js imports ../a.ts, which is not published",
  ]);
});
