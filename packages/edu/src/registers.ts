/** Registers of edu in BAR 0, as QEMU documents them (docs/specs/edu.rst). All take 32-bit accesses. */
export const register = {
  /** Identification: major version, minor version, 0x00, 0xed. Read-only. */
  IDENTIFICATION: 0x00,
  /** Reads the inverse of what was written. */
  LIVENESS: 0x04,
  /** Write n; reads n! once the computation is over. */
  FACTORIAL: 0x08,
  /** See {@link status}. */
  STATUS: 0x20,
  /** Causes of the pending interrupt, read-only. */
  INTERRUPT_STATUS: 0x24,
  /** Write: adds causes and interrupts. */
  INTERRUPT_RAISE: 0x60,
  /** Write: takes causes away. */
  INTERRUPT_ACKNOWLEDGE: 0x64,
  /** Bus address or device address to read from; 64 bits. */
  DMA_SOURCE: 0x80,
  /** Bus address or device address to write to; 64 bits. */
  DMA_DESTINATION: 0x88,
  /** Bytes to move; 64 bits. */
  DMA_COUNT: 0x90,
  /** See {@link dmaCommand}; reads START until the transfer is over. */
  DMA_COMMAND: 0x98,
} as const;

/** Low 16 bits of the identification register of every edu. */
export const IDENTIFICATION_MAGIC = 0x00ed;

/** Bits of the status register. */
export const status = { COMPUTING: 0x01, INTERRUPT_WHEN_DONE: 0x80 } as const;

/** Bits of the DMA command register. */
export const dmaCommand = { START: 0x1, FROM_DEVICE: 0x2, INTERRUPT_WHEN_DONE: 0x4 } as const;

/** Causes that the device itself raises. */
export const cause = { FACTORIAL: 0x001, DMA: 0x100 } as const;

/** Where the device's own buffer lies in its DMA addresses, and its size in bytes. */
export const deviceBuffer = { ADDRESS: 0x40000, SIZE: 4096 } as const;

/** The widest address that edu drives by default, in bits (its `dma_mask` property). */
export const DMA_BITS = 28;
