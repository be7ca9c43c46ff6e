/** Bounds of what this implementation sends and takes, whatever a peer offers. */
export const limits = {
  /** Bytes of a message's header. */
  header: 16,
  /** Most bytes of data in one read, write or DMA message (`max_data_xfer_size`, the specification's default). */
  dataTransfer: 2 ** 20,
  /** Most bytes of one message: the largest fixed part with as much data as may be transferred, and some more. */
  message: 2 ** 20 + 256,
  /** Most descriptors of one message: what the kernel passes at once (`SCM_MAX_FD`). */
  descriptors: 253,
  /** Most bytes of the capabilities in a VERSION message. */
  capabilities: 16 * 1024,
  /** Most regions and interrupt kinds of a device. */
  regions: 64,
  irqs: 16,
  /** Most writes of one REGION_WRITE_MULTI, as QEMU has it. */
  writes: 200,
  /** Most DMA maps that a client may have (`max_dma_maps`, the specification's default). */
  dmaMaps: 65_535,
  /** Smallest page of DMA maps, in bytes. */
  page: 4096,
} as const;
