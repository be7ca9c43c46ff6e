import type { ExitStatus, User } from "./command.ts";
import type { DmaFault } from "./dma-fault.ts";
import type { VmProcess } from "./process.ts";

/** How a command runs in the guest. */
export interface SpawnOptions {
  /** Who runs it. Default root. A uid with `:gid`, a name, or a bare uid; supplementary groups are dropped. */
  readonly user?: User;
  /** Working directory. Default the caller's own, which the guest sees at the same path. */
  readonly cwd?: string;
  /** Added to the guest's basic environment (PATH, HOME, LANG); the caller's own environment is not inherited. */
  readonly env?: Readonly<Record<string, string>>;
  /** RLIMIT_MEMLOCK in bytes, soft and hard, or "unlimited". Default the guest's: 8 MiB for everybody. */
  readonly memlock?: number | "unlimited";
  /** Whether `stdin` is a pipe. Default false: the command reads the end of file at once. */
  readonly stdin?: boolean;
}

/** How {@link Vm.run} runs and watches a command. */
export interface RunOptions extends SpawnOptions {
  /** Kills the command after this time, in ms, at most 2³¹ - 1. Default 300000; 0 for no limit. */
  readonly timeoutMs?: number;
  /** Output as it arrives. */
  readonly onStdout?: (chunk: Uint8Array) => void;
  /** Error output as it arrives. */
  readonly onStderr?: (chunk: Uint8Array) => void;
  /** Kills the command. */
  readonly signal?: AbortSignal;
  /** Bytes for standard input. */
  readonly input?: string | Uint8Array;
  /** Reject with ERR_TESTBED_COMMAND, whose message has the output, the console and the kernel log, unless the status is 0. */
  readonly check?: boolean;
}

/** What a command left. */
export interface RunResult extends ExitStatus {
  /** Everything written to standard output, as UTF-8. */
  readonly stdout: string;
  readonly stderr: string;
  /** Milliseconds from request to end. */
  readonly durationMs: number;
}

/** Where both sides see the shared directory. */
export interface Exchange {
  /** The path on the host. */
  readonly host: string;
  /** The path in the guest. */
  readonly guest: string;
}

/**
 * A booted virtual machine. The host's tree is visible at the same paths; what the guest writes goes to memory and is gone at the end, except below
 * {@link Vm.exchange}. Files that change on the host after the boot may be seen old in the guest.
 */
export interface Vm extends AsyncDisposable {
  /** A directory that host and guest share, writable by every user of the guest, removed by {@link Vm.close}. */
  readonly exchange: Exchange;
  /**
   * Starts a command and gives its streams.
   * @throws TestbedError ERR_TESTBED_ARGUMENT on an empty command or a bad option.
   */
  spawn(argv: readonly string[], options?: SpawnOptions): VmProcess;
  /**
   * Runs a command to its end. A status other than 0 is a result, not an error, unless `check` is set.
   * @throws TestbedError ERR_TESTBED_ARGUMENT on a bad option, ERR_TESTBED_SPAWN when it cannot start, ERR_TESTBED_TIMEOUT when it was killed for its
   * time limit, or what happened to the machine: ERR_TESTBED_PANIC, ERR_TESTBED_HUNG, ERR_TESTBED_EXITED, ERR_TESTBED_CLOSED. The
   * error of `signal` when that aborts.
   */
  run(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  /**
   * Runs a QMP command and returns its result.
   * @throws TestbedError ERR_TESTBED_QMP when QEMU refuses it.
   */
  qmp(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** The serial console's text so far (the last MiB of it). Works after the machine's end too. */
  console(): Promise<string>;
  /** The guest kernel's log (`dmesg`). After the machine's end, the console's text. */
  kernelLog(): Promise<string>;
  /** DMA accesses that the IOMMU stopped since the boot, in order. Counted by QEMU: none is rate-limited away. */
  dmaFaults(): Promise<readonly DmaFault[]>;
  /** Ends the machine and removes its files. Never rejects; may be called again. */
  close(): Promise<void>;
}
