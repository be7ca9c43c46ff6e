/** End of the release that `uname -r` says. */
export const KERNEL_SUFFIX = "-iommufd";

/**
 * What the kernel with IOMMUFD has, by purpose. A bare name is built in, `=m` makes a module, and everything else that can be off is off, so that
 * it compiles in minutes. Names that a version of Linux does not know are without effect there.
 */
const SYMBOLS: Readonly<Record<string, string>> = {
  image: `
    LOCALVERSION="${KERNEL_SUFFIX}" 64BIT EXPERT SMP NR_CPUS=8 CC_OPTIMIZE_FOR_SIZE KERNEL_GZIP MODULES MODULE_UNLOAD
    UNWINDER_FRAME_POINTER CPU_MITIGATIONS=n RELOCATABLE=n IKCONFIG IKCONFIG_PROC`,
  machine: `
    HYPERVISOR_GUEST PARAVIRT ACPI DMI HPET_TIMER X86_LOCAL_APIC X86_X2APIC X86_PAT MTRR X86_MCE PM
    X86_IOPL_IOPERM PROCESSOR_SELECT CPU_SUP_INTEL CPU_SUP_AMD CPU_SUP_HYGON=n CPU_SUP_CENTAUR=n
    CPU_SUP_ZHAOXIN=n`,
  processes: `
    PRINTK PRINTK_TIME BUG KALLSYMS MAGIC_SYSRQ HIGH_RES_TIMERS NO_HZ_IDLE HZ_250 PREEMPT_LAZY MULTIUSER SYSVIPC
    FUTEX EPOLL SIGNALFD TIMERFD EVENTFD AIO IO_URING MEMBARRIER RSEQ POSIX_TIMERS FILE_LOCKING INOTIFY_USER
    COREDUMP ELF_CORE BINFMT_ELF BINFMT_SCRIPT CROSS_MEMORY_ATTACH SECCOMP SECCOMP_FILTER CGROUPS NAMESPACES
    USER_NS PID_NS NET_NS UTS_NS IPC_NS`,
  memory: `
    SHMEM MEMFD_CREATE ADVISE_SYSCALLS HUGETLBFS TRANSPARENT_HUGEPAGE TRANSPARENT_HUGEPAGE_MADVISE COMPACTION
    MIGRATION SPARSEMEM_VMEMMAP MEMORY_HOTPLUG MEMORY_HOTREMOVE ZONE_DEVICE MEMORY_FAILURE NUMA X86_64_ACPI_NUMA
    PROC_PAGE_MONITOR DEVMEM DEVPORT`,
  // PROC_SYSCTL is called SYSCTL from Linux 7.3 on.
  files: `
    BLK_DEV_INITRD RD_GZIP PROC_FS PROC_SYSCTL SYSCTL SYSFS DEVTMPFS DEVTMPFS_MOUNT TMPFS TMPFS_POSIX_ACL TMPFS_XATTR
    MISC_FILESYSTEMS OVERLAY_FS NETWORK_FILESYSTEMS 9P_FS NET_9P NET_9P_VIRTIO BLOCK BLK_DEV PARTITION_ADVANCED
    MSDOS_PARTITION=n EFI_PARTITION=n`,
  console: `
    TTY UNIX98_PTYS SERIAL_8250 SERIAL_8250_CONSOLE VIRTIO_MENU VIRTIO_PCI VIRTIO_PCI_LEGACY VIRTIO_CONSOLE`,
  // Without PCIEASPM the kernel asks the firmware for no control at all, of errors and slots neither (`drivers/acpi/pci_root.c`).
  PCI: `
    PCI PCI_MMCONFIG PCI_MSI PCI_QUIRKS PCI_IOV PCI_PRI PCI_PASID PCI_P2PDMA PCI_STUB=m PCIEPORTBUS PCIEASPM PCIEAER
    PCIEAER_INJECT=m PCIE_DPC HOTPLUG_PCI HOTPLUG_PCI_PCIE HOTPLUG_PCI_ACPI`,
  IOMMU: `
    IOMMU_SUPPORT INTEL_IOMMU INTEL_IOMMU_SVM INTEL_IOMMU_SCALABLE_MODE_DEFAULT_ON IRQ_REMAP
    INTEL_IOMMU_DEFAULT_ON=n VIRTIO_IOMMU IOMMU_DEBUGFS INTEL_IOMMU_DEBUGFS GENERIC_PT IOMMU_PT IOMMU_PT_AMDV1
    IOMMU_PT_VTDSS IOMMU_PT_X86_64 IOMMUFD`,
  // The kernel's mock of an IOMMU: the only one under QEMU 10 with dirty tracking and I/O page faults.
  "IOMMUFD's own test device": `
    DEBUG_KERNEL DEBUG_FS FAULT_INJECTION FAULT_INJECTION_DEBUG_FS FAILSLAB RUNTIME_TESTING_MENU IOMMUFD_TEST`,
  VFIO: `
    VFIO VFIO_GROUP VFIO_CONTAINER VFIO_DEVICE_CDEV VFIO_NOIOMMU VFIO_DEBUGFS VFIO_PCI VFIO_PCI_IGD=n UIO
    UIO_PCI_GENERIC=m SAMPLES SAMPLE_VFIO_MDEV_MTTY=m`,
  // Modules, so that a device has no driver until somebody loads it, as on the other kernel.
  "drivers of devices": `
    NET UNIX INET PACKET NETDEVICES NET_CORE VETH=m ETHERNET NET_VENDOR_INTEL E1000=m E1000E=m IGB=m IGBVF=m
    BLK_DEV_NVME=m`,
};

/** Without these the kernel is of no use here; a version that drops one must not be taken for a success. */
const REQUIRED = words(`
    IOMMUFD VFIO_GROUP VFIO_CONTAINER VFIO_DEVICE_CDEV VFIO_NOIOMMU VFIO_PCI INTEL_IOMMU IRQ_REMAP PCI_IOV PCIEAER PCIEASPM
    HOTPLUG_PCI_PCIE SYSCTL VIRTIO_CONSOLE 9P_FS NET_9P_VIRTIO OVERLAY_FS DEVTMPFS HUGETLBFS MEMFD_CREATE MEMORY_FAILURE PM MODULES`);

/** The configuration as a fragment for `make KCONFIG_ALLCONFIG=... allnoconfig`. */
export const KERNEL_CONFIG: string = Object.entries(SYMBOLS)
  .map(([purpose, names]) => [`# ${purpose}`, ...words(names).map(assignment), ""].join("\n"))
  .join("\n");

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

function assignment(name: string): string {
  return `CONFIG_${name.includes("=") ? name : `${name}=y`}`;
}

/** Required options that the text of a `.config` does not have built in. */
export function missingOptions(config: string): string[] {
  const lines = new Set(config.split("\n"));
  return REQUIRED.filter((name) => !lines.has(`CONFIG_${name}=y`));
}
