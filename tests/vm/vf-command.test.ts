import { beforeAll, expect, it } from "vitest";
import { expectSchema } from "../../packages/cli/src/testing/schema.ts";
import { type LineResult, runLines } from "./harness/command-lines.ts";
import { preparedVm } from "./harness/host.ts";
import { functionsAt as at, USER } from "./machines.ts";

const letVfio = (word: "Y" | "N") => `! echo ${word} >/sys/module/vfio_pci/parameters/enable_sriov`;
const create = `vf create ${at.igb} 2`;
const createAgain = `vf create ${at.igb} 2 --json`;
const destroy = `vf destroy ${at.igb} --json`;
const destroyAgain = `vf destroy ${at.igb}`;

let root: (line: string) => LineResult;
let user: (line: string) => LineResult;
beforeAll(async () => {
  const vm = await preparedVm("functions");
  user = await runLines(vm, [create], { user: String(USER) });
  root = await runLines(vm, [letVfio("Y"), create, createAgain, destroy, destroyAgain, letVfio("N")]);
});

it("userpci vf makes virtual functions, tells where they are and on which driver, and takes them away", () => {
  const { status, out } = root(create);
  expect(status).toBe(0);
  expect(out).toMatch(/^0000:01:10\.0 {2}number 0 of 0000:01:00\.0, .*\n0000:01:10\.2 {2}number 1 .*\n$/);
  expect(expectSchema("vf create", root(createAgain).out)).toMatchObject({ physicalFunction: at.igb });
  const destroyed = expectSchema("vf destroy", root(destroy).out);
  expect(destroyed).toMatchObject({ physicalFunction: at.igb, removed: ["0000:01:10.0", "0000:01:10.2"] });
  expect(root(destroyAgain).out).toContain("nothing to do");
});

it("userpci vf tells the ordinary user who may", () => {
  const { status, err } = user(create);
  expect({ status, err }).toEqual({ status: 1, err: expect.stringContaining(`sudo userpci ${create}`) });
});
