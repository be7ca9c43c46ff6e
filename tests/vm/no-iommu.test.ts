import { fileURLToPath } from "node:url";
import { testVm } from "@userpci/testbed/vitest";
import { describe, expect, it } from "vitest";
import { compiled, preparedVm } from "./harness/host.ts";
import type { Attempt } from "./harness/try-open.ts";
import { at } from "./machines.ts";

const OPEN = ["node", compiled(fileURLToPath(new URL("./harness/try-open.ts", import.meta.url))), at.edu];
const ALLOW = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts";

const attempt = (stdout: string): Attempt => JSON.parse(stdout) as Attempt;

describe("without an IOMMU", () => {
  it("a function is refused, and what turns the IOMMU on is named", async () => {
    const vm = await testVm("noIommu");
    const { code, message, hint } = attempt((await vm.run(OPEN, { check: true })).stdout);
    expect(code).toBe("ERR_NO_IOMMU");
    expect(message).toContain("0000:00:04.0 is in no IOMMU group");
    expect(hint).toContain("intel_iommu=on");
  });
});

describe("with an IOMMU that does not remap interrupts", () => {
  it("a function is refused until that is allowed by name", async () => {
    const vm = await preparedVm("noRemapping");
    const { code, message, hint } = attempt((await vm.run(OPEN, { check: true })).stdout);
    expect(code).toBe("ERR_NO_IOMMU");
    expect(message).toContain("does not remap interrupts");
    expect(hint).toContain("allow_unsafe_interrupts=1");
    await vm.run(["/bin/sh", "-c", `echo Y >${ALLOW}`], { check: true });
    expect(attempt((await vm.run(OPEN, { check: true })).stdout).code).toBe("opened");
  });
});
