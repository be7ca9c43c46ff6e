/** Names of the constants that the addon brings from the C headers. */
export const nativeConstants = [
  "O_RDONLY",
  "O_RDWR",
  "O_NONBLOCK",
  "PROT_NONE",
  "PROT_READ",
  "PROT_WRITE",
  "MAP_SHARED",
  "MAP_PRIVATE",
  "MAP_ANONYMOUS",
  "MAP_FIXED",
  "MAP_FIXED_NOREPLACE",
  "MAP_NORESERVE",
  "MAP_POPULATE",
  "MADV_DONTFORK",
  "MADV_DOFORK",
  "MADV_DONTDUMP",
  "MADV_HUGEPAGE",
  "MFD_HUGETLB",
  "MFD_HUGE_2MB",
  "MFD_HUGE_1GB",
  "F_SEAL_SEAL",
  "F_SEAL_SHRINK",
  "F_SEAL_GROW",
  "F_SEAL_WRITE",
  "EFD_SEMAPHORE",
  "SOCK_STREAM",
  "SOCK_DGRAM",
  "SOCK_SEQPACKET",
  "SOCK_NONBLOCK",
  "SHUT_RD",
  "NETLINK_KOBJECT_UEVENT",
] as const;

/** One of {@link nativeConstants}. */
export type NativeConstant = (typeof nativeConstants)[number];

/** Numbers of the C headers, for the architecture the addon was built for. */
export type NativeConstants = Readonly<Record<NativeConstant, number>>;
