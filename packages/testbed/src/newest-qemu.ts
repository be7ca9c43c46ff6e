import { TestbedError } from "./error.ts";
import { hasOwnKernel, ownParts } from "./own-parts.ts";
import type { Parts } from "./parts.ts";
import { canFetch, requireLinux } from "./platform.ts";
import type { OnProgress } from "./progress.ts";
import { runTool } from "./tool.ts";
import { type NewerPackage, unpacked } from "./unpacked.ts";

const QEMU: NewerPackage = {
  name: "qemu",
  package: "qemu-system-x86",
  releases: [{ suites: ["trixie-backports", "trixie"] }, { suites: ["sid"] }],
  about: "37 MB",
  // Of other machines than the test bed's.
  unused: ["usr/bin/qemu-system-i386", "usr/bin/qemu-system-x86_64-microvm"],
};

/** A QEMU that is run in place of the provisioned one. */
export type NewestQemu = Pick<Parts, "qemu" | "qemuEnvironment">;

/**
 * Fetches Debian's newest QEMU into the test bed's cache, with the C library that it needs: `vfio-user-pci` came with QEMU 10.1, and the one
 * that everything else runs on is older. A later call finds it there without network. On a machine that brings its own parts it is the machine's own QEMU.
 * @throws TestbedError ERR_TESTBED_PLATFORM on another machine than x86-64 Linux, or when the machine's own QEMU is too old;
 * ERR_TESTBED_PROVISION when fetching failed.
 */
export async function provisionNewestQemu(onProgress?: OnProgress): Promise<NewestQemu> {
  requireLinux();
  if (hasOwnKernel() || !canFetch()) return ownQemu();
  const { toolbox } = await unpacked(QEMU, onProgress);
  return { qemu: toolbox.qemu(), qemuEnvironment: { QEMU_MODULE_DIR: toolbox.qemuModules } };
}

async function ownQemu(): Promise<NewestQemu> {
  const { qemu, qemuEnvironment } = await ownParts();
  try {
    await runTool(qemu, ["-device", "vfio-user-pci,help"], { code: "ERR_TESTBED_PLATFORM" });
  } catch (cause) {
    throw new TestbedError("ERR_TESTBED_PLATFORM", `${qemu[0]} has no device vfio-user-pci`, {
      hint: "name QEMU 10.1 or later in USERPCI_QEMU; where apt is, and USERPCI_KERNEL is not set, the test bed fetches one",
      cause,
    });
  }
  return { qemu, qemuEnvironment };
}
