import { existsSync } from "node:fs";
import { basename } from "node:path";
import { TestbedError } from "./error.ts";
import type { Kernel, Parts } from "./parts.ts";
import { type Command, findOnPath, runTool } from "./tool.ts";

/** The oldest QEMU whose devices (igb, nvme with SR-IOV) the test bed's tables describe. */
export const MINIMUM_QEMU = 10;

/** What a machine without apt must bring, one line each. Shown in the error. */
const NEEDS = [
  `qemu-system-x86_64 ${MINIMUM_QEMU} or later on PATH, or its path in USERPCI_QEMU`,
  "a kernel image with VFIO, the Intel IOMMU, 9p over virtio and overlayfs in USERPCI_KERNEL",
  "that kernel's module directory (with modules.dep) in USERPCI_MODULES, unless all of it is built in",
  "a statically linked busybox on PATH, or its path in USERPCI_BUSYBOX",
  "setpriv (util-linux) and, for compressed modules, xz on PATH",
].join("\n  ");

/** Whether the user names a kernel of their own. */
export function hasOwnKernel(): boolean {
  return Boolean(process.env["USERPCI_KERNEL"]);
}

/**
 * The parts of a machine that cannot fetch Debian packages, from PATH and the environment (`USERPCI_QEMU`, `USERPCI_KERNEL`,
 * `USERPCI_MODULES`, `USERPCI_BUSYBOX`).
 * @throws TestbedError ERR_TESTBED_PLATFORM that lists everything needed and says what is missing.
 */
export async function ownParts(): Promise<Parts> {
  const qemu = required("qemu-system-x86_64", process.env["USERPCI_QEMU"]);
  const busybox = required("busybox", process.env["USERPCI_BUSYBOX"]);
  const setpriv = required("setpriv", undefined);
  const kernel = ownKernel();
  await requireQemuVersion([qemu]);
  return { qemu: [qemu], qemuEnvironment: {}, setpriv: [setpriv], xz: ["xz"], busybox, kernel };
}

function ownKernel(): Kernel {
  const image = process.env["USERPCI_KERNEL"];
  const modules = process.env["USERPCI_MODULES"]?.replace(/\/+$/, "");
  if (!image) throw missing("USERPCI_KERNEL is not set");
  for (const path of [image, modules]) {
    if (path && !existsSync(path)) throw missing(`${path} does not exist`);
  }
  return modules ? { image, modules, release: basename(modules) } : { image };
}

function required(name: string, named: string | undefined): string {
  const path = named || findOnPath(name);
  if (!path) throw missing(`${name} was not found`);
  if (!existsSync(path)) throw missing(`${path} does not exist`);
  return path;
}

function missing(what: string): TestbedError {
  return new TestbedError("ERR_TESTBED_PLATFORM", `${what}; this machine needs:\n  ${NEEDS}`, {
    hint: "on Debian and its relatives the test bed fetches all of it by itself (it needs apt-get, apt-cache and dpkg-deb)",
  });
}

async function requireQemuVersion(qemu: Command): Promise<void> {
  const text = await runTool(qemu, ["--version"], { code: "ERR_TESTBED_PLATFORM" });
  const major = Number(/version (\d+)\./.exec(text)?.[1] ?? 0);
  if (major < MINIMUM_QEMU) throw missing(`${qemu[0]} is version ${major || "unknown"}`);
}
