import { readdirSync, readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { Tally } from "./compare.ts";
import { Reference } from "./reference.ts";
import { lengthen } from "./sparse.mjs";

const folder = new URL("corpus/", import.meta.url);
const corpus = readdirSync(folder).map(
  (name) => [name, lengthen(readFileSync(new URL(name, folder), "utf8"))] as const,
);

const reference = await Reference.open();
afterAll(() => reference?.[Symbol.dispose]());

/** Every way to print a device, and the combinations that change each other. */
const commands = [
  ...[
    "",
    "-v",
    "-vv",
    "-vvv",
    "-n",
    "-nn",
    "-vvvnn",
    "-k",
    "-vb",
    "-vvvb",
    "-D",
    "-x",
    "-xxx",
    "-xxxx",
    "-vvvxxxx",
  ],
  ...[
    "-m",
    "-mm",
    "-mmnn",
    "-mmx",
    "-vm",
    "-vmm",
    "-vmmn",
    "-vmmDk",
    "-t",
    "-tv",
    "-tvnn",
    "-P",
    "-PP",
    "-PPDv",
  ],
  ...[
    "-s :00.0",
    "-s 0:",
    "-s 1f.2 -v",
    "-d 1af4:",
    "-d ::0604 -vv",
    "-d :::02",
    "-t -s 03:",
    "-t -d 1b36:",
    "-d 1b36:",
  ],
  ...["-s zz", "-s 20", "-s .9", "-s 100:", "-d 1", "-d xyz:", "-d 1:2:3:4:5", "-s 0:0 -s 1f."],
];

describe.skipIf(reference === undefined)("on the functions of QEMU's machines", () => {
  describe.each(corpus)("%s", (_name, dump) => {
    it.each(commands)("lspci %s", (command) => {
      const file = reference!.dump(dump);
      const args = [...command.split(" ").filter(Boolean), ...file];
      const tally = new Tally();
      tally.compare(reference!.real(args).text, reference!.ours(args).text);
      expect(tally.different.size, tally.report()).toBe(0);
    });
  });
});
