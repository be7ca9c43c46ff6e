import { join } from "node:path";
import type { OnProgress } from "./progress.ts";
import type { Command } from "./tool.ts";
import { type NewerPackage, unpacked } from "./unpacked.ts";

const releases: NewerPackage["releases"] = [{ suites: ["trixie"] }, { suites: ["sid"] }];

const DRIVERCTL: NewerPackage = {
  name: "driverctl",
  package: "driverctl",
  releases,
  about: "20 kB",
  alone: true,
};
const DPDK: NewerPackage = { name: "dpdk", package: "dpdk", releases, about: "20 kB", alone: true };
const PYTHON: NewerPackage = { name: "python3", package: "python3", releases, about: "13 MB" };

/** What others bind functions to drivers with, runnable in a guest where it was unpacked. */
export interface BindingTools {
  /** Debian's versions of the packages. */
  readonly versions: { readonly driverctl: string; readonly dpdk: string };
  /** `driverctl`, by the guest's bash. It calls `/sbin/modprobe`. */
  readonly driverctl: Command;
  /** `dpdk-devbind.py`, by a Python of its own. It calls `lspci` and `ip`. */
  readonly devbind: Command;
}

/**
 * Fetches Debian's driverctl and dpdk-devbind.py into the test bed's cache. A later call finds them there without network.
 * @throws TestbedError ERR_TESTBED_PLATFORM on another machine than x86-64 Linux or without apt, ERR_TESTBED_PROVISION when fetching failed.
 */
export async function provisionBindingTools(onProgress?: OnProgress): Promise<BindingTools> {
  const driverctl = await unpacked(DRIVERCTL, onProgress);
  const dpdk = await unpacked(DPDK, onProgress);
  const { toolbox } = await unpacked(PYTHON, onProgress);
  const python = toolbox.commandAs("python3", "usr/bin/python3");
  return {
    versions: { driverctl: driverctl.version, dpdk: dpdk.version },
    driverctl: ["bash", join(driverctl.toolbox.root, "usr/sbin/driverctl")],
    devbind: [
      "env",
      `PYTHONHOME=${join(toolbox.root, "usr")}`,
      ...python,
      join(dpdk.toolbox.root, "usr/bin/dpdk-devbind.py"),
    ],
  };
}
