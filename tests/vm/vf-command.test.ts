import { fileURLToPath } from "node:url";
import type { Vm } from "@userpci/testbed";
import { beforeAll, expect, it } from "vitest";
import { expectSchema } from "../../packages/cli/src/testing/schema.ts";
import { preparedVm } from "./harness/host.ts";
import { functionsAt as at, USER } from "./machines.ts";

const command = fileURLToPath(new URL("../../packages/cli/bin/userpci.js", import.meta.url));
const ENABLE_SRIOV = "/sys/module/vfio_pci/parameters/enable_sriov";

let vm: Vm;
beforeAll(async () => {
  vm = await preparedVm("functions");
});

const vf = (words: readonly string[], user = "root") => vm.run(["node", command, "vf", ...words], { user });
const letVfio = (word: "Y" | "N") =>
  vm.run(["sh", "-c", `echo ${word} >${ENABLE_SRIOV}`], { check: true, user: "root" });

it("userpci vf makes virtual functions, tells where they are and on which driver, and takes them away", async () => {
  await letVfio("Y");
  try {
    const { code, stdout } = await vf(["create", at.igb, "2"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^0000:01:10\.0 {2}number 0 of 0000:01:00\.0, .*\n0000:01:10\.2 {2}number 1 .*\n$/,
    );
    const destroyed = expectSchema("vf destroy", (await vf(["destroy", at.igb, "--json"])).stdout);
    expect(destroyed).toMatchObject({ physicalFunction: at.igb, removed: ["0000:01:10.0", "0000:01:10.2"] });
    expect((await vf(["destroy", at.igb])).stdout).toContain("nothing to do");
    expectSchema("vf create", (await vf(["create", at.igb, "1", "--json"])).stdout);
    await vf(["destroy", at.igb]);
  } finally {
    await letVfio("N");
  }
});

it("userpci vf tells the ordinary user who may", async () => {
  const { code, stderr } = await vf(["create", at.igb, "1"], String(USER));
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringContaining(`sudo userpci vf create ${at.igb} 1`),
  });
});
