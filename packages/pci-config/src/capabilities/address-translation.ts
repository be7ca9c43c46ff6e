import { capability } from "../capability.ts";
import { bits, flag, register, value } from "../table.ts";

/** Address translation services (section 10.5.1): the function caches translations of its IOMMU. */
export const addressTranslation = capability({
  id: 0x000f,
  title: "Address Translation Services",
  length: 8,
  registers: {
    capabilities: register(0x04, 16, "10.5.1.2", "ATS Capability", {
      queueDepth: bits(4, 0, "RO", "Invalidations that it can hold; 0 is 32"),
      pageAligned: flag(5, "RO", "Its untranslated addresses are those of 4 KiB pages"),
      globalInvalidate: flag(6, "RO", "Obeys the global bit of invalidations"),
      relaxedOrdering: flag(7, "RO", "May set relaxed ordering in translation requests"),
    }),
    control: register(0x06, 16, "10.5.1.3", "ATS Control", {
      smallestUnit: bits(4, 0, "RW", "Smallest translation unit: 4 KiB times 2 to its power"),
      enable: flag(15, "RW", "Enable"),
    }),
  },
});

/** Page requests (section 10.5.2): the function asks for pages that are not there. */
export const pageRequest = capability({
  id: 0x0013,
  title: "Page Request Interface",
  length: 16,
  registers: {
    control: register(0x04, 16, "10.5.2.2", "Page Request Control", {
      enable: flag(0, "RW", "Enable"),
      reset: flag(1, "RW", "Forget pending requests and credits; reads 0"),
    }),
    status: register(
      0x06,
      16,
      "10.5.2.3",
      "Page Request Status",
      {
        responseFailure: flag(0, "RW1C", "A response said failure"),
        unexpectedGroup: flag(1, "RW1C", "A response had an unexpected group index"),
        stopped: flag(8, "RO", "No request is on its way"),
        pasidRequired: flag(15, "RO", "Responses need a PASID"),
      },
      { reserved: "RsvdZ" },
    ),
    capacity: value(0x08, 32, "10.5.2.4", "Outstanding Page Request Capacity", "RO"),
    allocation: value(0x0c, 32, "10.5.2.5", "Outstanding Page Request Allocation", "RW"),
  },
});

/** Process address spaces (section 7.8.9): requests carry the id of one. */
export const pasid = capability({
  id: 0x001b,
  title: "Process Address Space ID",
  length: 8,
  registers: {
    capabilities: register(0x04, 16, "7.8.9.2", "PASID Capability", {
      execute: flag(1, "RO", "Execute permission"),
      privileged: flag(2, "RO", "Privileged mode"),
      translated: flag(3, "RO", "Translated requests may have a PASID (PCI Express 6.0)"),
      width: bits(12, 8, "RO", "Bits of a PASID"),
    }),
    control: register(0x06, 16, "7.8.9.3", "PASID Control", {
      enable: flag(0, "RW", "Enable"),
      execute: flag(1, "RW", "Execute permission enable"),
      privileged: flag(2, "RW", "Privileged mode enable"),
      translated: flag(3, "RW", "Translated requests with a PASID enable (PCI Express 6.0)"),
    }),
  },
});
