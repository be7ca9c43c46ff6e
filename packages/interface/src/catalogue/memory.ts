import type { ErrorNotes } from "./notes.ts";

/** Memory that a device may touch, and the addresses at which it finds it. */
export const memoryNotes = {
  ERR_MEMLOCK: {
    causes: [
      "A device's memory is pinned, and counts against RLIMIT_MEMLOCK: for containers per process, for iommufd per user. Many systems allow 8 MiB or 64 KiB.",
    ],
    evidence: [
      "`ulimit -l` (KiB)",
      "`grep -e VmLck -e VmPin /proc/PID/status`",
      "`details` has what is pinned, what was asked, and the limit",
    ],
    fix: [
      'a login: add "USER - memlock KIB" to /etc/security/limits.conf, and log in again',
      "a service: `LimitMEMLOCK=` in its unit",
      "a container: `--ulimit memlock=BYTES`",
    ],
    example:
      "mapping 16777216 bytes at IOVA 0x100000 would pin 16 MiB: 0 MiB are pinned and RLIMIT_MEMLOCK is 8 MiB",
  },
  ERR_MAPPING_LIMIT: {
    causes: [
      "A VFIO container holds 65535 mappings unless its module was told otherwise. iommufd has no such limit.",
    ],
    evidence: ["`cat /sys/module/vfio_iommu_type1/parameters/dma_entry_limit`"],
    fix: [
      "map fewer and larger buffers; many parts of one memory with `{ join: true }`",
      "raise it: `options vfio_iommu_type1 dma_entry_limit=N` in /etc/modprobe.d",
      "use a kernel with iommufd",
    ],
    example: "the container holds 65535 mappings, and may hold 65535",
  },
  ERR_IOVA_RANGE: {
    causes: [
      "The address lies outside what the IOMMU translates, inside a range that the platform keeps (the MSI window), or past what the device can drive.",
      "Address or size is no multiple of the IOMMU's page.",
    ],
    evidence: ["`cat /sys/kernel/iommu_groups/N/reserved_regions`", "`domain.ranges` in a program"],
    fix: [
      "let the domain choose the address",
      "tell `openDevice` what the device can drive: `{ dmaBits: 32 }`",
    ],
    example:
      "0xfee00000-0xfee00fff is outside what the IOMMU can address: 0x0-0xfedfffff, 0xfef00000-0x7fffffffff",
  },
  ERR_IOVA_OVERLAP: {
    causes: ["A mapping that is still alive has addresses of the range."],
    evidence: ["`domain.mappings()` in a program: each with its label"],
    fix: ["close that mapping first", "leave the address out, and let one be chosen"],
    example: "mapping 4096 bytes at IOVA 0x100000 overlaps a live mapping",
  },
  ERR_IOVA_EXHAUSTED: {
    causes: [
      "The domain has no hole of this size left below what the device can drive. Devices with 32 address bits or fewer get there first.",
    ],
    evidence: ["`domain.mappings()` and `domain.ranges` in a program"],
    fix: [
      "close mappings that are no longer used",
      "map one large buffer in place of many",
      "a domain of its own for the device that drives few bits",
    ],
    example:
      "no room for 0x10000 bytes: 0xfff0000 bytes are taken by 12 ranges, the largest free piece has 0x8000 bytes; valid: 0x0-0xfffffff",
  },
  ERR_DMA_FAULT: {
    causes: [
      "The device used an address that is not mapped, no longer mapped, or mapped for the other direction. The IOMMU stopped it.",
      "Bus mastering is off: `device.config.command.update({ busMaster: true })`.",
    ],
    evidence: [
      "`sudo dmesg | grep -e DMAR -e AMD-Vi`",
      "`device.domain.explain(iova)` tells what was mapped there, and when it was closed",
    ],
    fix: [
      "keep a buffer open until the device has finished with it",
      "check the address and the length that the driver wrote to the device",
    ],
    example: "edu cannot write 0x100000: nothing is mapped there",
  },
  ERR_DOMAIN_EMPTY: {
    causes: [
      "The kernel has no page tables before a device is in the domain, and drops them with the last one of a container.",
    ],
    evidence: ["`domain.attached` in a program is 0"],
    fix: ["open a device into the domain first: `openDevice(address, { domain })`"],
    example: "domain 1 has had no device attached yet",
  },
  ERR_DOMAIN_IN_USE: {
    causes: ["A device that is open is attached to the domain, and would be left without one."],
    evidence: ["the message names the devices"],
    fix: ["close the devices in it, then the domain; `await using` does both in order"],
    example: "domain 1 still has 1 device attached: 0000:00:04.0",
  },
  ERR_POOL_EMPTY: {
    causes: ["Every element was taken, and none was put back."],
    evidence: ["`pool.count` in a program"],
    fix: ["put elements back, or ask with `tryGet()`", "make the pool with a larger count"],
    example: 'all 64 elements of the pool "frames" are in use',
  },
} as const satisfies Readonly<Record<string, ErrorNotes>>;
