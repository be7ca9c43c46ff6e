/** Names of the rows that need a device. Here, so that a filter can tell whether a machine has to be booted. */
export const vmRows = {
  config: "device: config read by pread, 32 bits",
  calledRead: "device: BAR read by pread, 32 bits",
  mappedRead: "device: BAR read, mapped, 32 bits",
  mappedWrite: "device: BAR write, mapped, 32 bits",
  interrupt: "device: interrupt to interrupt by MSI",
  map4k: "map and unmap, 4 KiB",
  map2m: "map and unmap, 2 MiB of small pages",
  map2mHuge: "map and unmap, 2 MiB as a huge page",
  map64m: "map and unmap, 64 MiB of small pages",
  mapCalls: "map and unmap, 4 KiB: the two system calls alone",
  mapStructures: "map and unmap, 4 KiB: their structures alone",
  mapDomain: "map and unmap, 4 KiB: the domain alone",
} as const;

/** Names of the rows that need a kernel with iommufd. */
export const iommufdRows = {
  map4k: "iommufd: map and unmap, 4 KiB",
  map2m: "iommufd: map and unmap, 2 MiB of small pages",
  map2mHuge: "iommufd: map and unmap, 2 MiB as a huge page",
  map64m: "iommufd: map and unmap, 64 MiB of small pages",
} as const;

/** Kernels that rows need a device on, by the rows. */
export const rowsOf = { debian: vmRows, iommufd: iommufdRows } as const;

/** One of {@link rowsOf}. */
export type Kernel = keyof typeof rowsOf;

/** Whether a filter leaves any row of a kernel. */
export function hasRows(kernel: Kernel, filter: string): boolean {
  return Object.values(rowsOf[kernel]).some((name) => name.includes(filter));
}
