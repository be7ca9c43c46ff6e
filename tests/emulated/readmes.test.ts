import { readFileSync } from "node:fs";
import * as deviceModel from "@userpci/device-model";
import * as registers from "@userpci/device-model/registers";
import * as nic from "@userpci/nic";
import * as nicModel from "@userpci/nic/model";
import * as nvme from "@userpci/nvme";
import * as nvmeModel from "@userpci/nvme/model";
import ts from "typescript";
import * as userpci from "userpci";
import { expect, it } from "vitest";

const modules: Readonly<Record<string, unknown>> = {
  "@userpci/device-model": deviceModel,
  "@userpci/device-model/registers": registers,
  "@userpci/nic": nic,
  "@userpci/nic/model": nicModel,
  "@userpci/nvme": nvme,
  "@userpci/nvme/model": nvmeModel,
  userpci,
};

/** Runs the first program of a README. @returns what it logs, line by line */
async function run(name: string): Promise<string[]> {
  const text = readFileSync(new URL(`../../packages/${name}/README.md`, import.meta.url), "utf8");
  const [, program = ""] = /```ts\n(.*?)```/s.exec(text) ?? [];
  const body = program.replace(/^import (\{.*\}) from "(.*)";$/gm, 'const $1 = modules["$2"];');
  // Node 20 has no `using`.
  const { outputText } = ts.transpileModule(`async function main(modules, console) {${body}}`, {
    compilerOptions: { target: ts.ScriptTarget.ES2022 },
  });
  const lines: string[] = [];
  const log = (...values: unknown[]): void => void lines.push(values.map(String).join(" "));
  const main = new Function(`${outputText}; return main;`)() as (...given: unknown[]) => Promise<void>;
  await main(modules, { log });
  return lines;
}

it("the program in the README of nvme prints what it says", async () => {
  const [first, map] = await run("nvme");
  expect(first).toBe("10400 1023");
  expect(map).toContain("Controller Configuration");
});

it("the program in the README of nic prints what it says", async () => {
  expect(await run("nic")).toEqual(["64"]);
});
