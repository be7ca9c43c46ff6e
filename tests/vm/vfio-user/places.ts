/** Where the machine has what is served to it: behind root ports, in this order. */
export const servedAt = {
  edu: "0000:01:00.0",
  /** The same, but its DMA goes by messages: it has mapped nothing of the machine's memory. */
  secondEdu: "0000:02:00.0",
  nvme: "0000:03:00.0",
  /** One that finds its doorbells in memory, which the guest writes without anybody being told. */
  silentNvme: "0000:04:00.0",
} as const;

/** QEMU's own edu in the same machine, to compare with. */
export const reference = "0000:00:04.0";
