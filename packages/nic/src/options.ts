/** How `Nic.attach()` may be asked. */
export interface NicOptions {
  /** Descriptors of each ring, a power of two from 2 to 4096. Default 256. */
  readonly ringSize?: number;
  /** Longest frame to send and to receive, in bytes: 64 to what the NIC can. Default 2048, or that. */
  readonly frameSize?: number;
  /** Waits by interrupts of MSI-X; without them, by polling. Default false. */
  readonly interrupts?: boolean;
  /** Receives frames for other stations too. Default false. */
  readonly promiscuous?: boolean;
}

/** How long a call may wait. */
export interface NicWait {
  /** Ends the wait: it rejects with `ERR_ABORTED`. */
  readonly signal?: AbortSignal;
}

/** What a NIC has counted since it was attached; the 32-bit counts of frames begin anew after 2^32. */
export interface NicStatistics {
  readonly sent: { readonly frames: number; readonly bytes: bigint; readonly errors: number };
  readonly received: {
    readonly frames: number;
    readonly bytes: bigint;
    readonly errors: number;
    /** Frames for which no buffer was there: `poll` was not called often enough. */
    readonly dropped: number;
  };
}
