import { readFile } from "node:fs/promises";

/** One DMA access that the emulated IOMMU stopped. */
export interface DmaFault {
  /** Requester as `bus:device.function`, for example `00:04.0`. */
  readonly requester: string;
  /** Fault reason of VT-d: 5 means a write without permission, 6 a read without permission. */
  readonly reason: number;
  /** The I/O virtual address. */
  readonly address: bigint;
  /** Whether the device wanted to write to memory. */
  readonly write: boolean;
}

const LINE = /vtd_dmar_fault sid 0x([0-9a-f]+) fault (\d+) addr 0x([0-9a-f]+) write (\d)/;

/**
 * Parses QEMU's trace of the event `vtd_dmar_fault` (hw/i386/trace-events of QEMU). There is one line for each access of the device, so
 * one transfer may give many.
 */
export function parseDmaFaults(trace: string): DmaFault[] {
  const faults: DmaFault[] = [];
  for (const line of trace.split("\n")) {
    const match = LINE.exec(line);
    if (!match) continue;
    const [, sid, reason, address, write] = match;
    faults.push({
      requester: requesterName(Number.parseInt(sid!, 16)),
      reason: Number(reason),
      address: BigInt(`0x${address}`),
      write: write === "1",
    });
  }
  return faults;
}

/** All faults of a trace file so far; none when QEMU has not written one. */
export async function readDmaFaults(path: string): Promise<DmaFault[]> {
  return parseDmaFaults(await readFile(path, "utf8").catch(() => ""));
}

function requesterName(sid: number): string {
  const digits = (value: number) => value.toString(16).padStart(2, "0");
  return `${digits(sid >> 8)}:${digits((sid >> 3) & 31)}.${sid & 7}`;
}
