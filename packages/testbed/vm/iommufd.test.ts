import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { boot, iommufdKernel, type Vm } from "@userpci/testbed";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { testMachine } from "./machine-suite.ts";

const COMMAND = fileURLToPath(new URL("../dist/main.js", import.meta.url));
/** Where no cache has it, the kernel is compiled first. */
const BUILD_TIMEOUT_MS = 30 * 60_000;

beforeAll(async () => {
  await iommufdKernel({ onProgress: (line) => process.stderr.write(`${line}\n`) });
}, BUILD_TIMEOUT_MS);

describe("the kernel with IOMMUFD", () => {
  let vm: Vm;
  beforeAll(async () => {
    vm = await boot({ kernel: "iommufd", devices: ["edu"] });
  });
  afterAll(() => vm?.close());

  const sh = async (script: string) =>
    (await vm.run(["sh", "-c", script], { check: true, cwd: "/" })).stdout.trim();

  test("is another than Debian's, says so, and comes up with nothing to load", async () => {
    expect(await sh("uname -r")).toMatch(/^\d+\.\d+\S*-iommufd$/);
    expect(await sh("cat /proc/modules")).toBe("");
  });

  test("has /dev/iommu from the start, and a node for each device that vfio-pci owns", async () => {
    const device = "/sys/bus/pci/devices/0000:00:04.0";
    expect(await sh("test -c /dev/iommu && ls /dev/vfio")).toBe("vfio");
    const bind = `echo vfio-pci >${device}/driver_override; echo 0000:00:04.0 >/sys/bus/pci/drivers_probe`;
    const name = await sh(`${bind}; ls ${device}/vfio-dev`);
    expect(name).toMatch(/^vfio\d+$/);
    expect(await sh(`test -c /dev/vfio/devices/${name} && stat -c %t:%T /dev/vfio/devices/${name}`)).toBe(
      await sh(`IFS=: read -r major minor <${device}/vfio-dev/${name}/dev; printf %x:%x $major $minor`),
    );
    expect(await sh(`ls /dev/vfio/$(basename $(readlink ${device}/iommu_group))`)).toMatch(/\d+$/);
    expect(
      await sh(
        `exec 3<>/dev/iommu 4<>/dev/vfio/devices/${name}; ls -l /proc/self/fd | grep -c 'iommu$\\|${name}$'`,
      ),
    ).toBe("2");
  });

  test("has control of PCI Express errors, and /proc/sys", async () => {
    expect(await vm.kernelLog()).toMatch(/_OSC: OS now controls \[.*\bAER\b.*\]/);
    expect(await sh("cat /proc/sys/kernel/modprobe")).toMatch(/\/modprobe$/);
  });

  test("takes the parameters of VFIO's modules, though they are built in", async () => {
    const parameter = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";
    expect(await sh(`cat ${parameter}; echo Y >${parameter}; cat ${parameter}; echo N >${parameter}`)).toBe(
      "N\nY",
    );
    expect(await sh("modprobe vfio-pci; cat /sys/module/vfio_iommu_type1/parameters/dma_entry_limit")).toBe(
      "65535",
    );
  });
});

describe("the machine on it", () => testMachine({ kernel: "iommufd" }));

test("a second call finds it, and has nothing to say", async () => {
  const lines: string[] = [];
  const kernel = await iommufdKernel({ onProgress: (line) => lines.push(line) });
  expect(lines).toEqual([]);
  expect(kernel.image).toMatch(/vmlinuz-.*-iommufd$/);
});

test("the command boots it", async () => {
  const words = ["run", "--kernel", "iommufd", "--quiet", "--", "sh", "-c", "uname -r; ls /dev/iommu"];
  const { stdout } = await promisify(execFile)(process.execPath, [COMMAND, ...words]);
  expect(stdout).toMatch(/-iommufd\n\/dev\/iommu\n$/);
});
