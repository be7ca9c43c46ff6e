/** What is kept of a file, where that is not all of it. */
export type Excerpt =
  | "kernel options"
  | "built-in modules"
  | "aliases of present functions"
  | "no addresses"
  | "one processor";

/** Files that a snapshot has of a machine. */
export interface Content {
  /** Directory; `*` in a part stands for any letters but a slash. */
  readonly at: string;
  /** Names in it, with the same `*`. A directory of that name is kept without its content, a link with what it leads to. */
  readonly names: readonly string[];
  /** Most bytes of a file. Default: 64 KiB. */
  readonly limit?: number;
  readonly excerpt?: Excerpt;
}

/** Attributes of a PCI function that are read and tell no secret. Reading none of them but `config` comes to the device. */
const functionNames = [
  ...[
    "vendor",
    "device",
    "subsystem_vendor",
    "subsystem_device",
    "class",
    "revision",
    "modalias",
    "config",
    "resource",
  ],
  ...[
    "irq",
    "enable",
    "numa_node",
    "local_cpulist",
    "label",
    "acpi_index",
    "boot_vga",
    "ari_enabled",
    "msi_bus",
  ],
  ...["dma_mask_bits", "consistent_dma_mask_bits", "broken_parity_status", "d3cold_allowed", "power_state"],
  ...["current_link_speed", "current_link_width", "max_link_speed", "max_link_width"],
  ...["secondary_bus_number", "subordinate_bus_number", "reset", "reset_method", "driver_override", "remove"],
  ...[
    "sriov_totalvfs",
    "sriov_numvfs",
    "sriov_offset",
    "sriov_stride",
    "sriov_vf_device",
    "sriov_drivers_autoprobe",
  ],
  ...["aer_dev_correctable", "aer_dev_nonfatal", "aer_dev_fatal", "rom", "resource*", "vpd"],
  ...[
    "driver",
    "iommu",
    "iommu_group",
    "physfn",
    "virtfn*",
    "vfio-dev",
    "net",
    "nvme",
    "ata*",
    "usb*",
    "drm",
    "block",
  ],
];

/** PCI functions, and what the kernel hangs on them. */
const pci: readonly Content[] = [
  { at: "/sys/bus/pci", names: ["drivers_probe", "drivers_autoprobe", "rescan", "devices", "slots"] },
  { at: "/sys/bus/pci/devices", names: ["*"] },
  { at: "/sys/bus/pci/devices/*", names: functionNames },
  { at: "/sys/bus/pci/devices/*/power", names: ["control", "runtime_status"] },
  { at: "/sys/bus/pci/devices/*/msi_irqs", names: ["*"] },
  { at: "/sys/bus/pci/devices/*/vfio-dev/*", names: ["dev"] },
  { at: "/sys/bus/pci/slots/*", names: ["address", "cur_bus_speed", "max_bus_speed", "power"] },
  { at: "/sys/bus/pci/drivers/*", names: ["bind", "unbind", "new_id", "remove_id", "module"] },
];

/** IOMMU, VFIO and the modules around them. */
const iommu: readonly Content[] = [
  { at: "/sys/class/{iommu,vfio,vfio-dev}", names: ["*"] },
  // Numbers of the nodes.
  { at: "/sys/class/{vfio,vfio-dev}/*", names: ["dev"] },
  { at: "/sys/class/misc/{vfio,iommu}", names: ["dev"] },
  { at: "/sys/class/iommu/*/devices", names: ["*"] },
  { at: "/sys/class/iommu/*/{intel-iommu,amd-iommu}", names: ["*"] },
  { at: "/sys/kernel/iommu_groups/*", names: ["type", "name", "reserved_regions"] },
  { at: "/sys/kernel/iommu_groups/*/devices", names: ["*"] },
  { at: "/sys/module/{vfio*,iommufd,kvm*,uio*,apparmor}/parameters", names: ["*"] },
  { at: "/dev", names: ["iommu", "kvm"] },
  { at: "/dev/vfio", names: ["*"] },
  { at: "/dev/vfio/devices", names: ["*"] },
];

/** What firmware, kernel and security say. */
const platform: readonly Content[] = [
  { at: "/sys/firmware/acpi/tables", names: ["DMAR", "IVRS", "IORT", "VIOT"], limit: 128 * 1024 },
  { at: "/sys/firmware/acpi/tables", names: ["*"], limit: 0 },
  { at: "/sys/firmware/efi", names: ["fw_platform_size"] },
  { at: "/sys/firmware/efi/efivars", names: ["SecureBoot-*"] },
  {
    at: "/sys/class/dmi/id",
    names: ["sys_vendor", "product_name", "bios_vendor", "bios_version", "bios_date"],
  },
  { at: "/sys/kernel/security", names: ["lockdown", "lsm"] },
  { at: "/sys/fs/selinux", names: ["enforce"] },
  {
    at: "/proc",
    names: ["cmdline", "version", "meminfo", "mounts", "swaps", "mdstat", "consoles", "filesystems"],
  },
  { at: "/proc", names: ["modules"], limit: 256 * 1024, excerpt: "no addresses" },
  { at: "/sys/hypervisor", names: ["type"] },
  { at: "/proc", names: ["cpuinfo"], limit: 256 * 1024, excerpt: "one processor" },
  { at: "/proc", names: ["config.gz"], limit: 1024 * 1024, excerpt: "kernel options" },
  { at: "/proc", names: ["interrupts"], limit: 256 * 1024 },
  { at: "/proc/sys/kernel", names: ["osrelease", "version", "modules_disabled"] },
  { at: "/proc/sys/vm", names: ["nr_hugepages", "overcommit_memory"] },
  { at: "/boot", names: ["config-RELEASE"], limit: 1024 * 1024, excerpt: "kernel options" },
  { at: "/lib/modules/RELEASE", names: ["modules.builtin"], limit: 1024 * 1024, excerpt: "built-in modules" },
  { at: "/lib/modules/RELEASE", names: ["modules.dep"], limit: 4 << 20, excerpt: "built-in modules" },
  {
    at: "/lib/modules/RELEASE",
    names: ["modules.alias"],
    limit: 16 << 20,
    excerpt: "aliases of present functions",
  },
  { at: "/etc", names: ["os-release"] },
  { at: "/etc/{modprobe.d,driverctl.d}", names: ["*"] },
  { at: "/{run,lib}/modprobe.d", names: ["*"] },
  { at: "/usr/lib/modprobe.d", names: ["*"] },
  { at: "/usr/local/lib/modprobe.d", names: ["*"] },
  // Other kernels, and what changes the command line: that they are there.
  { at: "/lib/modules", names: ["*"] },
  { at: "/etc/default", names: ["grub"], limit: 0 },
  { at: "/usr/sbin", names: ["grubby", "update-grub", "grub-mkconfig", "grub2-mkconfig"], limit: 0 },
  { at: "/run/userpci", names: ["*.json"] },
];

/** Limits of the process that makes the snapshot, and memory. */
const memory: readonly Content[] = [
  { at: "/proc/self", names: ["limits", "cgroup", "status", "uid_map", "mountinfo"] },
  // Links, whose targets are all that they tell.
  { at: "/proc/self/ns", names: ["cgroup", "pid", "user", "uts", "ipc"] },
  { at: "/run/systemd", names: ["container"] },
  {
    at: "/sys/kernel/mm/hugepages/*",
    names: ["nr_hugepages", "free_hugepages", "resv_hugepages", "surplus_hugepages"],
  },
  { at: "/sys/devices/system/node/node*", names: ["cpulist", "meminfo"] },
  { at: "/sys/devices/system/node/node*/hugepages/*", names: ["nr_hugepages", "free_hugepages"] },
  { at: "/sys/fs/cgroup", names: ["cgroup.controllers"] },
  { at: "/", names: [".dockerenv"] },
  { at: "/run", names: [".containerenv"] },
];

/** What the system needs of its devices: who binds one must know. */
const users: readonly Content[] = [
  { at: "/proc/net", names: ["route", "ipv6_route", "if_inet6", "fib_trie"] },
  {
    at: "/sys/class/net/*",
    names: [
      "address",
      "ifindex",
      "operstate",
      "flags",
      "type",
      "mtu",
      "device",
      "master",
      "upper_*",
      "lower_*",
    ],
  },
  { at: "/sys/{block,class/block}", names: ["*"] },
  { at: "/sys/class/block/*", names: ["dev", "size", "ro", "partition", "device"] },
  { at: "/sys/class/block/*/{holders,slaves}", names: ["*"] },
  { at: "/sys/class/block/*/dm", names: ["name", "uuid"] },
  { at: "/sys/class/block/*/md", names: ["level", "array_state"] },
  { at: "/sys/class/{nvme,drm}", names: ["*"] },
  { at: "/sys/class/nvme/*", names: ["model", "state", "transport"] },
  { at: "/sys/class/drm/*", names: ["status", "enabled"] },
  { at: "/sys/class/graphics/*", names: ["name", "device"] },
  { at: "/sys/class/tty", names: ["tty0", "ttyS*"] },
  { at: "/sys/class/tty/console", names: ["active"] },
  { at: "/sys/devices/virtual/nvme-subsystem/*", names: ["nvme*"] },
  { at: "/sys/bus/virtio/devices/*", names: ["mount_tag"] },
];

/** Everything that a snapshot has. `RELEASE` stands for that of the kernel. */
export const contents: readonly Content[] = [...pci, ...iommu, ...platform, ...memory, ...users];

/** Names of files whose content is left out, though there is one: it is large, or private, or reading it comes to the device. */
export const nameOnly: ReadonlySet<string> = new Set([
  "rom",
  "vpd",
  "reset",
  "remove",
  "rescan",
  "drivers_probe",
]);
