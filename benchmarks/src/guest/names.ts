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
  mapCalls: "map and unmap, 4 KiB: the two system calls alone",
  mapStructures: "map and unmap, 4 KiB: their structures alone",
  mapDomain: "map and unmap, 4 KiB: the domain alone",
} as const;

/** Whether a filter leaves any of them. */
export function isVmRow(filter: string): boolean {
  return Object.values(vmRows).some((name) => name.includes(filter));
}
