import type { ErrorNotes } from "./notes.ts";

/** What an error number of the system means here. */
export interface SystemNotes extends ErrorNotes {
  readonly meaning: string;
}

/**
 * Names of system errors as VFIO and sysfs return them. An error of ours has one of them as its code where no rule of ours explains it
 * better; other programs on VFIO (QEMU, DPDK, SPDK) print them bare. Sources: `drivers/vfio`, `drivers/iommu/iommufd` and
 * `drivers/pci/pci-sysfs.c` of Linux.
 */
export const systemNotes: Readonly<Record<string, SystemNotes>> = {
  EACCES: {
    meaning: "permission denied: the file's mode or owner",
    causes: [
      "/dev/vfio/N belongs to root until it is given away.",
      "A virtual function whose physical function is on vfio-pci wants the VF token.",
    ],
    evidence: ["`ls -l /dev/vfio`", "`id`"],
    fix: [
      '`sudo userpci bind ADDRESS --user "$USER"`',
      "`openDevice(address, { vfToken })` for such a virtual function",
    ],
    example: "open /dev/vfio/4: EACCES",
  },
  EPERM: {
    meaning: "operation not permitted: a privilege, or a rule of the kernel",
    causes: [
      "The IOMMU cannot remap interrupts, and the module was not told to do without (`allow_unsafe_interrupts`).",
      "The kernel is locked down, or the container's device rules (cgroup) leave the node out.",
      "No-IOMMU mode takes CAP_SYS_RAWIO.",
    ],
    evidence: [
      "`sudo dmesg | tail` (No interrupt remapping support)",
      "`cat /sys/kernel/security/lockdown`",
      "`userpci doctor ADDRESS`",
    ],
    fix: [
      "switch interrupt remapping on: x2APIC and VT-d in the firmware, no `intremap=off`",
      "in a container pass the nodes in with `--device`",
    ],
    example: "attaching 0000:00:04.0: EPERM",
  },
  EBUSY: {
    meaning: "in use",
    causes: [
      "VFIO opens a group's or device's node once: another process has it.",
      "The group is not viable, as another member is on a driver of the kernel: `ERR_GROUP_NOT_VIABLE`.",
      "`sriov_numvfs` cannot go from one number to another but by way of 0.",
    ],
    evidence: ["`userpci holders ADDRESS`", "`userpci groups`"],
    fix: [
      "end the holder",
      "bind the rest of the group",
      "take the virtual functions away before making others",
    ],
    example: "open /dev/vfio/4: EBUSY",
  },
  EINVAL: {
    meaning: "invalid argument: the kernel's word for most refusals",
    causes: [
      "vfio-pci refuses a function without an IOMMU group (probe failed with error -22): `ERR_NO_IOMMU`.",
      "A mapping that is no whole page, or lies outside what the IOMMU translates: `ERR_IOVA_RANGE`.",
      "The group is in no container yet, or not viable.",
      "A function without a reset method is reset: `ERR_NO_RESET`.",
    ],
    evidence: ["`sudo dmesg | tail`", "`userpci doctor ADDRESS`"],
    fix: ["`userpci doctor ADDRESS` tells which of them it is"],
    example: "ioctl VFIO_IOMMU_MAP_DMA: EINVAL",
  },
  ENODEV: {
    meaning: "no such device",
    causes: [
      "The function is not in the group, or on no VFIO driver.",
      "The IOMMU is off, so that there is no group to open.",
      "The device was unplugged while it was open.",
    ],
    evidence: ["`userpci list` (columns DRIVER and GROUP)", "`ls /sys/class/iommu`"],
    fix: ["`sudo userpci bind ADDRESS`", "`userpci doctor`"],
    example: "ioctl VFIO_GROUP_GET_DEVICE_FD: ENODEV",
  },
  ENOENT: {
    meaning: "no such file",
    causes: [
      "/dev/vfio/N appears when a function of the group goes to vfio-pci; /dev/vfio/vfio when the module is loaded.",
      "/dev/iommu takes a kernel with CONFIG_IOMMUFD.",
      "A container has nodes only if they are passed in.",
    ],
    evidence: ["`ls /dev/vfio /dev/iommu`", "`lsmod | grep vfio`"],
    fix: ["`sudo modprobe vfio-pci`", "`sudo userpci bind ADDRESS`"],
    example: "open /dev/vfio/4: ENOENT",
  },
  ENOTTY: {
    meaning: "the kernel does not know this ioctl here",
    causes: [
      "The kernel is older than the feature, or built without it.",
      "/dev/vfio/vfio is iommufd's stand-in, which lacks parts of a container.",
      "A reset did not bring the function back.",
    ],
    evidence: ["`uname -r`", "`ls -l /dev/vfio/vfio /dev/iommu`"],
    fix: ["a later kernel", "the other backend: `vfioGroup()` or `vfioCdev()`"],
    example: "ioctl VFIO_DEVICE_FEATURE: ENOTTY",
  },
  ENOMEM: {
    meaning: "no memory, and in VFIO mostly: past RLIMIT_MEMLOCK",
    causes: [
      "Pinning would pass the limit of locked memory: `ERR_MEMLOCK`.",
      "The kernel has no memory left for page tables.",
    ],
    evidence: ["`ulimit -l`", "`grep VmLck /proc/PID/status`"],
    fix: ["raise the limit: `userpci explain ERR_MEMLOCK`", "free memory"],
    example: "ioctl VFIO_IOMMU_MAP_DMA: ENOMEM",
  },
  ENOSPC: {
    meaning: "no room, and in VFIO: no mappings left",
    causes: [
      "A container holds 65535 mappings by default: `ERR_MAPPING_LIMIT`.",
      "The disk is full, where a file is written.",
    ],
    evidence: ["`cat /sys/module/vfio_iommu_type1/parameters/dma_entry_limit`", "`df`"],
    fix: ["map fewer and larger buffers", "`options vfio_iommu_type1 dma_entry_limit=N` in /etc/modprobe.d"],
    example: "ioctl VFIO_IOMMU_MAP_DMA: ENOSPC",
  },
  EEXIST: {
    meaning: "it is there already",
    causes: [
      "A mapping overlaps one that is alive: `ERR_IOVA_OVERLAP`.",
      "An id is written to `new_id` for a second time.",
    ],
    evidence: ["`domain.mappings()` in a program"],
    fix: ["unmap first", "bind by `driver_override`, as `userpci bind` does"],
    example: "ioctl VFIO_IOMMU_MAP_DMA: EEXIST",
  },
  EFAULT: {
    meaning: "an address of this process where there is no such memory",
    causes: [
      "The memory was unmapped, or is a file that a device may not write.",
      "iommufd maps no BAR of a device.",
    ],
    evidence: ["`cat /proc/PID/maps`"],
    fix: ["keep the memory open while the device uses it", "a file must be on tmpfs or hugetlbfs"],
    example: "ioctl IOMMU_IOAS_MAP: EFAULT",
  },
  EIO: {
    meaning: "the device did not answer",
    causes: [
      "Memory decode is off, or the device is in a power state or reset in which it does not answer.",
      "Its link is down.",
    ],
    evidence: ["`userpci show ADDRESS`", "`sudo dmesg | tail`"],
    fix: ["`device.config.command.update({ memory: true })`", "`sudo userpci reset ADDRESS`"],
    example: "read of BAR 0: EIO",
  },
  EROFS: {
    meaning: "the file system is mounted read-only",
    causes: ["/sys in a container."],
    evidence: ["`grep sysfs /proc/mounts`"],
    fix: ["bind on the host; a driver itself needs no write to /sys"],
    example: "/sys/bus/pci/drivers_probe is on a file system that is mounted read-only",
  },
  EMFILE: {
    meaning: "too many open files in this process",
    causes: ["Each interrupt vector and each buffer that is shared takes a descriptor."],
    evidence: ["`ls /proc/PID/fd | wc -l`", "`ulimit -n`"],
    fix: ["raise it: `ulimit -n`", "close what is no longer used"],
    example: "eventfd2: EMFILE",
  },
};
