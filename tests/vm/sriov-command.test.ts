import { fileURLToPath } from "node:url";
import type { Vm } from "@userpci/testbed";
import { beforeAll, expect, it } from "vitest";
import { preparedVm } from "./harness/host.ts";
import { functionsAt as at, USER } from "./machines.ts";

const command = fileURLToPath(new URL("../../packages/cli/bin/userpci.js", import.meta.url));
const ENABLE_SRIOV = "/sys/module/vfio_pci/parameters/enable_sriov";

let vm: Vm;
beforeAll(async () => {
  vm = await preparedVm("functions");
});

const sriov = (words: readonly string[], user = "root") =>
  vm.run(["node", command, "sriov", at.igb, ...words], { user });
const letVfio = (word: "Y" | "N") =>
  vm.run(["sh", "-c", `echo ${word} >${ENABLE_SRIOV}`], { check: true, user: "root" });

it("userpci sriov makes virtual functions, tells where they are, and takes them away", async () => {
  await letVfio("Y");
  try {
    expect(await sriov(["2"])).toMatchObject({
      code: 0,
      stdout: `0000:01:10.0  number 0 of ${at.igb}\n0000:01:10.2  number 1 of ${at.igb}\n`,
    });
    const { stdout } = await sriov(["0", "--json"]);
    expect(JSON.parse(stdout)).toEqual({ virtualFunctions: [] });
  } finally {
    await letVfio("N");
  }
});

it("userpci sriov tells the ordinary user who may", async () => {
  const { code, stderr } = await sriov(["1"], String(USER));
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringContaining(`sudo userpci sriov ${at.igb} 1`),
  });
});
