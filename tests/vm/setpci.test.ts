import { fileURLToPath } from "node:url";
import type { Vm } from "@userpci/testbed";
import { testVm } from "@userpci/testbed/vitest";
import { beforeAll, describe, expect, it } from "vitest";
import { prepare } from "./harness/host.ts";
import { at, USER } from "./machines.ts";

const userpci = fileURLToPath(new URL("../../packages/cli/bin/userpci.js", import.meta.url));

/** Command lines that leave the functions as they were. */
const lines = [
  `-v -s ${at.e1000e} COMMAND CAP_PM+4.w CAP_EXP+8.w CAP11+2.w ECAP_AER+8.l 100.l INTERRUPT_LINE`,
  `-vD -s ${at.e1000e} COMMAND=0:4 CAP_PM+4.w=3 10.l=ffffffff`,
  `-v -s ${at.edu} 3c.b=2a 3c.b 3c.b=0:f0 CACHE_LINE_SIZE=10 CACHE_LINE_SIZE 3c.b=0 CACHE_LINE_SIZE=0:ff`,
  "-d 1234:11e8 DEVICE_ID -d ::0108 CLASS_DEVICE CAP_MSIX.l -s 1f.7 COMMAND -s 00:04.0 CAP_PM.w",
  `-s ${at.edu} COMMAND 3c.b=0:0 -s ${at.e1000e} COMMAND 40.l=0:0 100.l=0:0`,
  `-s ${at.edu} 3c.b=0:0 CAP_MSI.w`,
];

describe("userpci setpci on live functions prints what setpci prints", () => {
  let vm: Vm;
  beforeAll(async () => {
    vm = await testVm("main");
    await prepare(vm);
  });

  for (const user of ["root", String(USER)]) {
    it.each(lines)(`as ${user}: %s`, async (line) => {
      const argv = line.split(" ");
      const theirs = await vm.run(["setpci", ...argv], { user });
      const ours = await vm.run(["node", userpci, "setpci", ...argv], { user });
      expect({ code: ours.code, out: ours.stdout, err: ours.stderr }).toEqual({
        code: theirs.code,
        out: theirs.stdout,
        err: theirs.stderr,
      });
    });
  }
});
