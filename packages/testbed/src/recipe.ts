import type { Release } from "./apt.ts";

/** Raised when the layout of a provisioned tree changes, so that an old cache is not taken for a new one. */
export const RECIPE_VERSION = 1;

/** Debian releases to try, in order. Both carry QEMU 10 (igb came in 8.0) and Linux 6.12. */
export const RELEASES: readonly Release[] = [
  { suites: ["bookworm-backports", "bookworm"] },
  { suites: ["trixie"] },
];

/** Start of the kernel package's name. 6.12 is a long-term kernel; only its signed and unsigned generic builds are taken. */
export const KERNEL_PREFIX = "linux-image-6.12.";

/** The package that the cache is named after. */
export const QEMU_PACKAGE = "qemu-system-x86";

/** Everything that runs on the host or as a helper in the guest; fetched with its libraries, C library included. */
export const TOOL_PACKAGES: readonly string[] = [
  QEMU_PACKAGE,
  "busybox-static",
  "iproute2",
  "kmod",
  "pciutils",
  "util-linux",
  "xz-utils",
];

/** Folders of the unpacked packages that nothing reads. */
export const UNUSED_FOLDERS: readonly string[] = [
  "etc",
  "var",
  "usr/share/doc",
  "usr/share/man",
  "usr/share/locale",
];

/** Folders of kernel modules for hardware that QEMU's machine cannot have. Without them indexing takes a third of the time. */
export const UNUSED_MODULES: readonly string[] = [
  "sound",
  "drivers/gpu",
  "drivers/iio",
  "drivers/infiniband",
  "drivers/isdn",
  "drivers/media",
  "drivers/net/wireless",
  "drivers/staging",
];

/** Helpers that the guest gets behind its own PATH: name to path inside the unpacked packages (the first that exists). */
export const GUEST_TOOLS: Readonly<Record<string, readonly string[]>> = {
  busybox: ["bin/busybox", "usr/bin/busybox"],
  depmod: ["bin/kmod", "usr/bin/kmod"],
  ip: ["bin/ip", "usr/bin/ip", "sbin/ip", "usr/sbin/ip"],
  kmod: ["bin/kmod", "usr/bin/kmod"],
  lsmod: ["bin/kmod", "usr/bin/kmod"],
  lspci: ["usr/bin/lspci"],
  modinfo: ["bin/kmod", "usr/bin/kmod"],
  modprobe: ["bin/kmod", "usr/bin/kmod"],
  prlimit: ["usr/bin/prlimit"],
  rmmod: ["bin/kmod", "usr/bin/kmod"],
  setpci: ["usr/bin/setpci"],
  setpriv: ["usr/bin/setpriv"],
};

/** Modules that bring up the guest's root, the agent's port and VFIO. What a kernel has built in is left out. */
export const BOOT_MODULES: readonly string[] = [
  "virtio_pci",
  "virtio_console",
  "9pnet_virtio",
  "9p",
  "overlay",
  "vfio_iommu_type1",
  "vfio_pci",
];

const KERNEL_NAME = /^linux-image-(\d+\.\d+\.\d+\S*)-amd64(-unsigned)?$/;
const VARIANTS = /-(cloud|rt)-amd64/;

/** The newest generic kernel among package names, the signed build before the unsigned one. */
export function newestKernel(names: readonly string[]): string | undefined {
  return names
    .filter((name) => KERNEL_NAME.test(name) && !VARIANTS.test(name))
    .sort((a, b) => compareVersions(kernelVersion(b), kernelVersion(a)) || a.length - b.length)[0];
}

function kernelVersion(name: string): string {
  return KERNEL_NAME.exec(name)?.[1] ?? "";
}

/** Orders version strings by their numbers: 6.12.9 before 6.12.10, +deb12 before +deb12.1. */
export function compareVersions(a: string, b: string): number {
  const left = a.match(/\d+/g) ?? [];
  const right = b.match(/\d+/g) ?? [];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = Number(left[i] ?? -1) - Number(right[i] ?? -1);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}
