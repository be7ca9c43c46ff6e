import { TestbedError } from "./error.ts";
import { findOnPath } from "./tool.ts";

/** @throws TestbedError ERR_TESTBED_PLATFORM anywhere but on x86-64 Linux. */
export function requireLinux(): void {
  if (process.platform === "linux" && process.arch === "x64") return;
  throw new TestbedError(
    "ERR_TESTBED_PLATFORM",
    `the test bed runs on x86-64 Linux, not on ${process.platform} ${process.arch}`,
    {
      hint: "use an x86-64 Linux machine, container or virtual machine (KVM is not needed)",
    },
  );
}

/** Whether Debian packages can be fetched and unpacked here. */
export function canFetch(): boolean {
  return ["apt-get", "apt-cache", "dpkg-deb"].every((name) => findOnPath(name));
}
