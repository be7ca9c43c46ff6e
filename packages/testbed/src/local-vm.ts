import { rm } from "node:fs/promises";
import type { SpawnRequest } from "./command.ts";
import { ConsoleLog } from "./console.ts";
import { fulfilsWithin } from "./deadline.ts";
import { type DmaFault, readDmaFaults } from "./dma-fault.ts";
import { TestbedError, type TestbedErrorCode } from "./error.ts";
import { FRAME, type Frame } from "./frame.ts";
import { GUEST } from "./guest/scripts.ts";
import { Link } from "./link.ts";
import { Session, type VmProcess } from "./process.ts";
import type { Qemu } from "./qemu.ts";
import { Qmp } from "./qmp.ts";
import { type Runner, run, spawnRequest } from "./run.ts";
import type { Exchange, RunOptions, RunResult, SpawnOptions, Vm } from "./vm.ts";

/** Time between checks that the guest still answers, and how long an answer may take, in ms. */
const HEARTBEAT_MS = 10_000;
const HEARTBEAT_DEADLINE_MS = 60_000;
/** How long the guest may take to answer when it is already suspected. */
const SUSPECT_DEADLINE_MS = 15_000;
/** How long QEMU may take to end by itself after its kernel died, so that the console is complete. */
const LAST_WORDS_MS = 3000;
const KERNEL_LOG_TIMEOUT_MS = 20_000;

/** Files of a boot that the machine reads or removes. */
export interface VmFiles {
  readonly directory: string;
  readonly exchange: string;
  readonly trace: string;
}

/** A virtual machine whose QEMU is a child of this process. */
export class LocalVm implements Vm, Runner {
  readonly exchange: Exchange;
  readonly #qemu: Qemu;
  readonly #qmp: Qmp;
  readonly #files: VmFiles;
  readonly #session: Session;
  readonly #console = new ConsoleLog();
  readonly #ready: Promise<void>;
  #markReady!: () => void;
  #markFailed!: (error: Error) => void;
  #heartbeat: NodeJS.Timeout | undefined;
  #failure: TestbedError | undefined;
  #closing: Promise<void> | undefined;
  #lastFaults: readonly DmaFault[] = [];

  constructor(qemu: Qemu, files: VmFiles) {
    this.#qemu = qemu;
    this.#files = files;
    this.exchange = { host: files.exchange, guest: GUEST.exchange };
    this.#ready = new Promise((resolve, reject) => {
      this.#markReady = resolve;
      this.#markFailed = reject;
    });
    this.#ready.catch(() => {}); // Told to whoever awaits ready().
    this.#qmp = new Qmp(qemu.qmp);
    const link = new Link(qemu.agent, qemu.agent, {
      onFrame: (frame) => this.#receive(frame),
      onClose: () => this.#killLater(),
    });
    this.#session = new Session(link);
    qemu.console.setEncoding("utf8");
    qemu.console.on("data", (text: string) => this.#readConsole(text));
    void qemu.exited.then(({ how, stderr }) => this.#ended(how, stderr));
  }

  /**
   * Resolves when the guest takes commands.
   * @throws TestbedError ERR_TESTBED_BOOT when it does not within the time; the signal's reason.
   */
  async ready(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const timer = setTimeout(() => {
      const summary = `the guest did not come up within ${timeoutMs / 1000} s`;
      this.#fail(
        this.#guestError(
          "ERR_TESTBED_BOOT",
          summary,
          "give more time with bootTimeoutMs on a loaded machine",
        ),
      );
    }, timeoutMs);
    const onAbort = () => this.#markFailed(signal!.reason as Error);
    signal?.addEventListener("abort", onAbort);
    try {
      await this.#ready;
      this.#watch();
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  spawn(argv: readonly string[], options: SpawnOptions = {}): VmProcess {
    return this.#session.spawn(spawnRequest(argv, options));
  }

  /** Starts a command that another process described. */
  spawnRaw(request: SpawnRequest): VmProcess {
    return this.#session.spawn(request);
  }

  run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return run(this, argv, options);
  }

  async qmp(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (this.#failure) throw this.#failure;
    return this.#qmp.execute(command, args);
  }

  async console(): Promise<string> {
    return this.#console.text;
  }

  async kernelLog(): Promise<string> {
    if (this.#failure) return this.#console.text;
    const process = this.spawn([GUEST.busybox, "dmesg"], { cwd: "/" });
    const chunks: Buffer[] = [];
    process.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    const complete = await fulfilsWithin(process.exited, KERNEL_LOG_TIMEOUT_MS).catch(() => false);
    return complete ? Buffer.concat(chunks).toString() : this.#console.text;
  }

  async dmaFaults(): Promise<readonly DmaFault[]> {
    if (!this.#closing) this.#lastFaults = await readDmaFaults(this.#files.trace);
    return this.#lastFaults;
  }

  async checkAlive(): Promise<void> {
    await this.#ping(SUSPECT_DEADLINE_MS);
  }

  /** Lets the guest stand still: no time passes in it. @throws what ended the machine */
  async pause(): Promise<void> {
    clearInterval(this.#heartbeat);
    // One that stands still answers nothing, not what was asked before either.
    await this.#ping(HEARTBEAT_DEADLINE_MS);
    await this.qmp("stop");
  }

  /** Undoes {@link pause}. @throws what ended the machine */
  async resume(): Promise<void> {
    await this.qmp("cont");
    this.#watch();
  }

  /** What ended the machine, if something did. */
  get failure(): TestbedError | undefined {
    return this.#failure;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#lastFaults = await readDmaFaults(this.#files.trace);
    this.#fail(new TestbedError("ERR_TESTBED_CLOSED", "the virtual machine was closed"));
    await this.#qemu.exited;
    await rm(this.#files.directory, { recursive: true, force: true }).catch(() => {});
  }

  #receive(frame: Frame): void {
    if (frame.type === FRAME.ready) this.#markReady();
    else this.#session.receive(frame);
  }

  #readConsole(text: string): void {
    if (this.#console.append(text) !== undefined) this.#killLater();
  }

  /** The guest is lost; QEMU normally ends by itself once the kernel has said why. */
  #killLater(): void {
    setTimeout(() => this.#qemu.kill(), LAST_WORDS_MS).unref();
  }

  /** Finds out that the guest hangs. */
  #watch(): void {
    this.#heartbeat = setInterval(() => void this.#ping(HEARTBEAT_DEADLINE_MS).catch(() => {}), HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  async #ping(deadlineMs: number): Promise<void> {
    if (await fulfilsWithin(this.#session.ping(), deadlineMs)) return;
    const error = this.#guestError(
      "ERR_TESTBED_HUNG",
      `the guest has not answered for ${deadlineMs / 1000} s and was killed`,
    );
    this.#fail(error);
    throw error;
  }

  #ended(how: string, stderr: string): void {
    const { fatal } = this.#console;
    if (fatal && /^testbed: boot failed/.test(fatal)) this.#fail(this.#guestError("ERR_TESTBED_BOOT", fatal));
    else if (fatal && !/^testbed:/.test(fatal)) this.#fail(this.#guestError("ERR_TESTBED_PANIC", fatal));
    else
      this.#fail(
        this.#guestError(
          "ERR_TESTBED_EXITED",
          `QEMU ended (${how}): ${stderr.trim() || fatal || "no message"}`,
        ),
      );
  }

  #guestError(code: TestbedErrorCode, summary: string, hint?: string): TestbedError {
    return new TestbedError(code, summary, { hint, log: `[guest console]\n${this.#console.tail()}` });
  }

  #fail(error: TestbedError): void {
    if (!this.#failure) {
      this.#failure = error;
      clearInterval(this.#heartbeat);
      this.#markFailed(error);
      this.#session.fail(error);
    }
    this.#qemu.kill();
  }
}
