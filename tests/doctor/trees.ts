/** The trees of `tree-cases.ts`: a good machine, and what is different in each. */
import { chmodSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { type FunctionData, type MachineData, writeMachine } from "@userpci/sysfs/testing";
import type { treeCases } from "./tree-cases.ts";

/** Of the network card; a group that is undefined is none. */
type NicDifference = Partial<Omit<FunctionData, "group">> & { readonly group?: number | undefined };

/** How a tree differs from the good machine's. */
export interface Difference {
  /** Files in place of the good machine's; null: not there. */
  readonly files?: Readonly<Record<string, string | null>>;
  /** In place of the network card at 01:00.0. */
  readonly nic?: NicDifference;
  /** Functions beside it. */
  readonly others?: readonly FunctionData[];
  /** Links into the device tree. */
  readonly links?: Readonly<Record<string, string>>;
  /** Nodes that are root's alone. */
  readonly closed?: readonly string[];
}

const RELEASE = "6.8.0-50-generic";
const NIC = "0000:01:00.0";
const NODES = ["/dev/vfio/vfio", "/dev/vfio/6"];
const configOf = (ids: number): Buffer => {
  const bytes = Buffer.alloc(64);
  bytes.writeUInt32LE(ids);
  return bytes;
};

const symbols = (names: string): string =>
  names
    .split(" ")
    .map((name) => `CONFIG_${name}\n`)
    .join("");
const config = symbols(
  "IOMMU_SUPPORT=y INTEL_IOMMU=y AMD_IOMMU=y IRQ_REMAP=y VFIO=m VFIO_PCI=m VFIO_IOMMU_TYPE1=m",
);

const good: Readonly<Record<string, string>> = {
  "/etc/default/grub": 'GRUB_CMDLINE_LINUX=""\n',
  "/etc/os-release": 'NAME="Ubuntu"\nID=ubuntu\n',
  "/etc/passwd": "root:x:0:0::/root:/bin/sh\nalice:x:4242:4242::/home/alice:/bin/sh\n",
  [`/boot/config-${RELEASE}`]: config,
  [`/lib/modules/${RELEASE}/modules.dep`]: "kernel/drivers/vfio/pci/vfio-pci.ko.zst: \n",
  "/proc/cmdline": "BOOT_IMAGE=/vmlinuz quiet intel_iommu=on\n",
  "/proc/cpuinfo": "vendor_id\t: GenuineIntel\nflags\t\t: fpu vmx\n",
  "/proc/interrupts": " 24:  1  IR-PCI-MSI  0-edge  nvme0q0\n",
  "/proc/sys/kernel/osrelease": `${RELEASE}\n`,
  "/proc/self/status":
    "Uid:\t4242\t4242\t4242\t4242\nGid:\t4242\t4242\t4242\t4242\nGroups:\t \nCapEff:\t0000000000000000\n",
  "/proc/self/limits": "Max locked memory         8388608              8388608              bytes     \n",
  "/sys/class/iommu/dmar0/uevent": "",
  "/sys/firmware/acpi/tables/APIC": "",
  "/sys/firmware/acpi/tables/DMAR": "",
  "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode": "N\n",
};

/** A machine without an IOMMU at work: nothing in groups, nothing bound. */
const off = {
  "/sys/class/iommu/dmar0/uevent": null,
  "/proc/interrupts": " 24:  1  PCI-MSI  0-edge  nvme0q0\n",
};
const unbound: NicDifference = { driver: "e1000e", group: undefined };
const notLoaded: NicDifference = { driver: "e1000e" };
const container = { "/run/.containerenv": "" };
const amd = {
  "/proc/cpuinfo": "vendor_id\t: AuthenticAMD\nflags\t\t: fpu svm\n",
  "/sys/firmware/acpi/tables/DMAR": null,
};

/** What is different in each tree. */
export const differences: Readonly<Record<keyof typeof treeCases, Difference>> = {
  good: {},
  noDmar: { files: { ...off, "/sys/firmware/acpi/tables/DMAR": null }, nic: unbound },
  noIvrs: { files: { ...off, ...amd }, nic: unbound },
  notTold: { files: { ...off, "/proc/cmdline": "quiet\n" }, nic: unbound },
  amdOff: {
    files: {
      ...off,
      ...amd,
      "/sys/firmware/acpi/tables/IVRS": "",
      "/proc/cmdline": "quiet amd_iommu=off\n",
      "/usr/sbin/grubby": "",
    },
    nic: unbound,
  },
  allOff: { files: { ...off, "/proc/cmdline": "iommu=off intel_iommu=on\n" }, nic: unbound },
  noIommuDriver: {
    files: {
      ...off,
      [`/boot/config-${RELEASE}`]: config.replace("CONFIG_INTEL_IOMMU=y", "# CONFIG_INTEL_IOMMU is not set"),
    },
    nic: unbound,
  },
  iommuFailed: { files: off, nic: unbound },
  hiddenFirmware: {
    files: {
      ...off,
      ...container,
      "/sys/firmware/acpi/tables/DMAR": null,
      "/sys/firmware/acpi/tables/APIC": null,
    },
    nic: unbound,
  },
  xen: {
    files: { ...off, "/sys/firmware/acpi/tables/DMAR": null, "/sys/hypervisor/type": "xen\n" },
    nic: unbound,
  },
  noVfio: {
    files: { [`/boot/config-${RELEASE}`]: config.replaceAll(/CONFIG_VFIO\S*\n/g, "") },
    nic: notLoaded,
  },
  blacklisted: {
    files: { "/proc/cmdline": "intel_iommu=on module_blacklist=nouveau,vfio_pci\n" },
    nic: notLoaded,
  },
  partBlacklisted: {
    files: { "/proc/cmdline": "intel_iommu=on module_blacklist=vfio\n" },
    nic: notLoaded,
  },
  partForbidden: {
    files: { "/usr/lib/modprobe.d/no-dma.conf": "install\tvfio-iommu-type1\t/bin/false\n" },
    nic: notLoaded,
  },
  diskInUse: {
    others: [
      {
        address: "0000:02:00.0",
        id: "144d:a808",
        classCode: 0x010802,
        driver: "nvme",
        group: 9,
        resetMethods: "flr",
      },
    ],
    files: {
      "/sys/devices/pci0000:02/0000:02:00.0/nvme/nvme0/nvme0n1/dev": "259:0\n",
      "/proc/self/mountinfo": "36 1 259:0 / / rw shared:1 - ext4 /dev/nvme0n1 rw\n",
    },
    links: { "/sys/class/block/nvme0n1": "/sys/devices/pci0000:02/0000:02:00.0/nvme/nvme0/nvme0n1" },
  },
  routeInUse: {
    nic: notLoaded,
    files: {
      "/sys/devices/pci0000:01/0000:01:00.0/net/eth0/operstate": "up\n",
      "/proc/net/route": "eth0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
    },
    links: { "/sys/class/net/eth0": "/sys/devices/pci0000:01/0000:01:00.0/net/eth0" },
  },
  grubOfArch: {
    files: { ...off, "/proc/cmdline": "quiet\n", "/usr/sbin/grub-mkconfig": "" },
    nic: unbound,
  },
  updated: {
    files: { [`/lib/modules/${RELEASE}/modules.dep`]: null, "/lib/modules/6.8.0-51-generic/modules.dep": "" },
    nic: notLoaded,
  },
  noPackage: {
    files: { [`/lib/modules/${RELEASE}/modules.dep`]: "kernel/fs/ext4/ext4.ko.zst:\n" },
    nic: notLoaded,
  },
  noDevVfio: { files: { ...container, "/dev/vfio/vfio": null, "/dev/vfio/6": null } },
  noGroupNode: { files: { ...container, "/dev/vfio/6": null } },
  closedContainer: { closed: ["/dev/vfio/vfio"] },
  deadLink: { nic: { config: configOf(0xffff_ffff) } },
  withFunctions: {
    nic: { driver: "igb", virtualFunctions: ["0000:01:10.0"], maxVirtualFunctions: 7 },
    others: [{ address: "0000:01:10.0", id: "8086:10ca", group: 7 }],
  },
  unguarded: { nic: unbound, others: [{ address: "0000:00:04.0", id: "1234:11e8", group: 4 }] },
  noSysfs: { files: { "/sys": null } },
  oldKernel: { files: { "/proc/sys/kernel/osrelease": "3.2.0-4-amd64\n" }, nic: notLoaded },
  soundCard: {
    others: [
      { address: "0000:01:00.1", id: "8086:a170", classCode: 0x040300, driver: "snd_hda_intel", group: 6 },
    ],
  },
};

/** Writes a tree. */
export function writeTree(
  root: string,
  { files = {}, nic = {}, others = [], closed = [], links = {} }: Difference,
): void {
  const card = {
    address: NIC,
    id: "8086:10d3",
    classCode: 0x020000,
    driver: "vfio-pci",
    group: 6,
    resetMethods: "flr bus",
    config: configOf(0x10d3_8086),
    ...nic,
  };
  // What is undefined is left out.
  const { group, ...rest } = card;
  const machine: MachineData = {
    functions: [{ ...rest, ...(group !== undefined && { group }) }, ...others],
    nodes: NODES,
    files: good,
  };
  writeMachine(root, machine);
  for (const node of NODES) chmodSync(join(root, node), closed.includes(node) ? 0o600 : 0o666);
  for (const [path, text] of Object.entries(files)) {
    rmSync(join(root, path), { recursive: true, force: true });
    if (text === null) pruneEmpty(root, path);
    else writeMachine(root, { functions: [], files: { [path]: text } });
  }
  for (const [path, target] of Object.entries(links)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    symlinkSync(relative(dirname(path), target), join(root, path));
  }
}

/** An IOMMU that is not there has no directory either. */
function pruneEmpty(root: string, path: string): void {
  if (path.startsWith("/sys/class/iommu/")) rmSync(join(root, path, ".."), { recursive: true, force: true });
}
