import { readFileSync } from "node:fs";
import * as deviceModel from "@userpci/device-model";
import * as edu from "@userpci/edu";
import * as eduModel from "@userpci/edu/model";
import * as userpci from "userpci";
import { expect, it } from "vitest";

const text = readFileSync(new URL("../../docs/faults.md", import.meta.url), "utf8");
const modules: Readonly<Record<string, unknown>> = {
  "@userpci/device-model": deviceModel,
  "@userpci/edu": edu,
  "@userpci/edu/model": eduModel,
  userpci,
};

it("the guide to faults has every kind, as the data say it", () => {
  const rows = Object.entries(deviceModel.faultKinds).map(([name, kind]) => {
    const time = "us" in kind ? `: ${kind.us} µs` : "";
    return `| \`${name}\` | ${kind.occasion} | ${kind.what}${time} |`;
  });
  expect(text.split("\n").filter((line) => line.startsWith("| `"))).toEqual(rows);
});

it("the guide's program does what it says", async () => {
  const [, program = ""] = /```js\n(.*?)```/s.exec(text) ?? [];
  const body = program.replace(/^import (\{.*\}) from "(.*)";$/gm, 'const $1 = modules["$2"];');
  const logged: unknown[] = [];
  const AsyncFunction = (async () => undefined).constructor as FunctionConstructor;
  const run = new AsyncFunction("modules", "console", body);
  await run(modules, { log: (value: unknown) => logged.push(value) });
  const said = [...program.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, comment]) => comment!);
  expect(said.length).toBe(2);
  expect(logged).toEqual([said[0], new Function(`return ${said[1]}`)()]);
});
