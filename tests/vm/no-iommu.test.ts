import { fileURLToPath } from "node:url";
import { testVm } from "@userpci/testbed/vitest";
import { describe, expect, it } from "vitest";
import { compiled } from "./harness/guest-code.ts";
import { preparedVm } from "./harness/host.ts";
import type { Attempt } from "./harness/try-open.ts";
import { at } from "./machines.ts";

const OPEN = ["node", compiled(fileURLToPath(new URL("./harness/try-open.ts", import.meta.url))), at.edu];
/** Machines without interrupt remapping, with the backend that they have and what allows it there. */
const unsafe = [
  ["noRemapping", "vfio-group", "vfio_iommu_type1"],
  ["noRemappingIommufd", "vfio-cdev", "iommufd"],
] as const;

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
  it.each(unsafe)(
    "a function is refused until that is allowed by name (%s)",
    async (machine, backend, module) => {
      const vm = await preparedVm(machine);
      const open = async () =>
        attempt((await vm.run(OPEN, { check: true, env: { USERPCI_BACKEND: backend } })).stdout);
      const { code, message, hint } = await open();
      expect(code).toBe("ERR_NO_IOMMU");
      expect(message).toContain("does not remap interrupts");
      expect(hint).toContain("allow_unsafe_interrupts");
      const parameter = `/sys/module/${module}/parameters/allow_unsafe_interrupts`;
      await vm.run(["/bin/sh", "-c", `echo Y >${parameter}`], { check: true });
      expect((await open()).code).toBe("opened");
    },
  );
});

describe("on a kernel without IOMMUFD", () => {
  it("vfioCdev() names what would bring it", async () => {
    const vm = await preparedVm("main");
    const run = await vm.run(OPEN, { check: true, env: { USERPCI_BACKEND: "vfio-cdev" } });
    const { code, hint } = attempt(run.stdout);
    expect(code).toBe("ERR_NOT_SUPPORTED");
    expect(hint).toMatch(/CONFIG_IOMMUFD|CONFIG_VFIO_DEVICE_CDEV/);
  });
});
