import { expect, test } from "vitest";
import { machineArguments } from "./machine.ts";
import { checkBootOptions } from "./options.ts";

const FILES = { image: "/k", initramfs: "/i", exchange: "/tmp/a,b", trace: "/t", agentFd: 3, qmpFd: 4 };

/** Values of an option, in order. */
function values(args: readonly string[], option: string): string[] {
  return args.flatMap((word, i) => (args[i - 1] === option ? [word] : []));
}

test("the defaults are one processor, 2 GiB and VT-d with interrupt remapping", () => {
  const args = machineArguments({}, FILES);
  expect(values(args, "-smp")).toEqual(["1"]);
  expect(values(args, "-m")).toEqual(["2G"]);
  expect(values(args, "-device")[0]).toBe("intel-iommu,intremap=on,caching-mode=on");
  expect(values(args, "-append")[0]).toMatch(/intel_iommu=on .*no_timer_check/);
});

test("the host's tree can only be read", () => {
  expect(values(machineArguments({}, FILES), "-fsdev")[0]).toMatch(/path=\/,.*readonly=on/);
});

test("a comma in a path does not end it", () => {
  expect(values(machineArguments({}, FILES), "-fsdev")[1]).toContain("path=/tmp/a,,b,");
});

test("the guest's memory is shared where a process serves a device, and only there", () => {
  const args = machineArguments({ memory: "1G", devices: ["vfio-user-pci,socket=/s"] }, FILES);
  expect(values(args, "-M")[0]).toMatch(/,memory-backend=memory$/);
  expect(values(args, "-object")).toEqual(["memory-backend-memfd,id=memory,size=1G,share=on"]);
  expect(machineArguments({ devices: ["edu"] }, FILES).join(" ")).not.toContain("memory-backend");
});

test("options reach the command line; the caller's kernel words come last", () => {
  const args = machineArguments(
    {
      iommu: null,
      memory: "512M",
      hugepages: 8,
      append: "debug",
      qemuArguments: ["-object", "x"],
      devices: ["edu"],
    },
    FILES,
  );
  expect(values(args, "-append")[0]).toMatch(/ hugepages=8 debug$/);
  expect(values(args, "-m")).toEqual(["512M"]);
  expect(values(args, "-object")).toEqual(["x"]);
  expect(values(args, "-device").join(" ")).not.toContain("iommu");
  expect(args.indexOf("-object")).toBeLessThan(args.indexOf("edu,addr=0x4"));
});

test("wrong sizes and names are refused before QEMU sees them", () => {
  for (const options of [
    { memory: "2" },
    { memory: "2T" },
    { hugepages: -1 },
    { hugepages: 1.5 },
    { bootTimeoutMs: 0 },
    { bootTimeoutMs: 2 ** 31 },
    { kernel: "mine" as "iommufd" },
    { overlay: "overlay.tar" },
    { overlay: "/no/such/overlay.tar" },
  ]) {
    expect(() => checkBootOptions(options)).toThrow(
      expect.objectContaining({ code: "ERR_TESTBED_ARGUMENT" }),
    );
  }
  expect(() =>
    checkBootOptions({ memory: "512M", hugepages: 4, bootTimeoutMs: 1, kernel: "iommufd" }),
  ).not.toThrow();
});
