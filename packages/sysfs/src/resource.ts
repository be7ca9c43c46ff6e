/** One address range of a PCI function, from a line of sysfs' `resource` file. */
export interface PciResource {
  /** 0 to 5: BARs; 6: expansion ROM; 7 to 12: BARs of an SR-IOV function's virtual functions. */
  readonly index: number;
  /** First bus address as the processor sees it. */
  readonly start: bigint;
  /** Bytes. */
  readonly size: number;
  readonly space: "memory" | "io";
  /** Whether it is a 64-bit memory BAR, which takes two BAR registers. */
  readonly wide: boolean;
  readonly prefetchable: boolean;
}

// Bits of the third column (linux/ioport.h, IORESOURCE_*).
const flag = {
  io: 0x100n,
  memory: 0x200n,
  prefetch: 0x2000n,
  wide: 0x10_0000n,
  unset: 0x2000_0000n,
} as const;

/** Number of lines that describe the function itself; later ones are a bridge's windows. */
const RESOURCE_COUNT = 13;

/**
 * Reads the text of a sysfs `resource` file: a line per resource with start, end and flags. Lines that are unused, and
 * bridge windows, are left out.
 *
 * Source: `drivers/pci/pci-sysfs.c` (`resource_show`), `linux/pci.h` (`PCI_STD_RESOURCES` and following).
 */
export function parseResources(text: string): PciResource[] {
  const lines = text.split("\n").slice(0, RESOURCE_COUNT);
  return lines.flatMap((line, index) => parseLine(line, index) ?? []);
}

function parseLine(line: string, index: number): PciResource | null {
  const match = /^\s*(0x[0-9a-f]{1,16})\s+(0x[0-9a-f]{1,16})\s+(0x[0-9a-f]{1,16})\s*$/i.exec(line);
  if (match === null) return null;
  const [start, end, flags] = match.slice(1).map(BigInt) as [bigint, bigint, bigint];
  const io = (flags & flag.io) !== 0n;
  if (end < start || (!io && (flags & flag.memory) === 0n) || (flags & flag.unset) !== 0n) return null;
  return {
    index,
    start,
    size: Number(end - start + 1n),
    space: io ? "io" : "memory",
    wide: (flags & flag.wide) !== 0n,
    prefetchable: (flags & flag.prefetch) !== 0n,
  };
}
