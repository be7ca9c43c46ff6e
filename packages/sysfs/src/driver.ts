import { existsSync } from "node:fs";
import { join } from "node:path";
import { isPciError, PciError } from "@userpci/interface";
import { functionPath, type PciFunction, parseOverride, readFunction } from "./function.ts";
import { isVfioDriver } from "./group.ts";
import { findHolders } from "./holders.ts";
import { explainWrite, type Kernel, type KernelWriter } from "./kernel.ts";
import { deviceNodes } from "./nodes.ts";
import { waitPatiently } from "./patience.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import { type BindProgress, type BindStep, ProgressListener } from "./progress.ts";
import { pathIn, readLinkName, systemFailure, type TreeOptions, unreadable } from "./tree.ts";

/** The driver that hands functions to user space. */
export const VFIO_PCI = "vfio-pci";

/** How to wait and whom to tell. */
export interface DriverOptions extends TreeOptions {
  /** Milliseconds to wait for one step of the kernel, an integer from 0 to 2^31 - 1. Default 30 000. */
  readonly timeoutMs?: number;
  /** Milliseconds between reports of one that takes long, an integer from 1 to 2^31 - 1. Default 2000. */
  readonly reportMs?: number;
  /** Ends the wait; the kernel may still finish. */
  readonly signal?: AbortSignal;
  /**
   * Told of each step, and again while one takes long. What it throws stops `bind`, as an abort does, but keeps neither `bind`
   * nor `unbind` from giving the function back.
   */
  readonly onProgress?: (progress: BindProgress) => void;
}

const TIMEOUT_MS = 30_000;
const REPORT_MS = 2_000;

/** What completes a step that was given up, where giving the function back does not. */
const completions: Partial<Record<BindStep, (address: string) => string>> = {
  "virtual-functions": (address) => `sudo userpci vf create ${address} COUNT`,
};

/** Moves one function between drivers, and makes its virtual ones. Each method is one step; none looks back at the others. */
export class DriverChange {
  readonly #kernel: Kernel;
  readonly #start: () => Promise<KernelWriter>;
  #writer: KernelWriter;
  readonly #fn: PciFunction;
  readonly #options: DriverOptions;
  readonly #listener: ProgressListener;
  readonly #pending = new Set<Promise<unknown>>();
  #signal: AbortSignal | undefined;
  #failure: unknown;
  #note: ((step: BindStep) => Promise<void>) | undefined;

  private constructor(
    kernel: Kernel,
    start: () => Promise<KernelWriter>,
    writer: KernelWriter,
    fn: PciFunction,
    options: DriverOptions,
  ) {
    this.#kernel = kernel;
    this.#start = start;
    this.#writer = writer;
    this.#fn = fn;
    this.#options = options;
    this.#listener = new ProgressListener(options.onProgress);
    this.#signal = options.signal;
  }

  /**
   * Makes ready to move a function.
   *
   * @param start starts a process that writes
   * @throws what `start` throws
   */
  static async begin(
    kernel: Kernel,
    start: () => Promise<KernelWriter>,
    fn: PciFunction,
    options: DriverOptions,
  ): Promise<DriverChange> {
    return new DriverChange(kernel, start, await start(), fn, options);
  }

  /** The process that writes. */
  get writer(): ProcessIdentity {
    return this.#writer.identity;
  }

  /** Goes on with another process if the one that wrote has died. @throws what `start` of {@link begin} throws */
  async renewWriter(): Promise<void> {
    if (this.#writer.ended) this.#writer = await this.#start();
  }

  /** No step is to come. The kernel goes on with what it is at. */
  close(): void {
    this.#writer.close();
  }

  /** Whether the kernel is still at something that was not waited for to the end. */
  get pending(): boolean {
    return this.#pending.size > 0;
  }

  /** Resolves when the kernel is at nothing any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }

  /** From now on the caller's signal stops nothing: what was begun is to be undone. */
  ignoreSignal(): void {
    this.#signal = undefined;
  }

  /** From now on what the caller's callback throws stops nothing. The first of it is for {@link rethrow}. */
  endureCallback(): void {
    this.#listener.endure();
  }

  /** @throws what the caller's callback has thrown */
  rethrow(): void {
    this.#listener.rethrow();
  }

  /** From now on each step that changes something is noted before it is done. */
  noteSteps(note: (step: BindStep) => Promise<void>): void {
    this.#note = note;
  }

  /**
   * Begins a step: tells the caller, and notes it.
   *
   * @throws what {@link report} does, and the note
   */
  async begin(step: BindStep): Promise<void> {
    this.report(step);
    await this.#note?.(step);
  }

  /** The driver that has the function now. */
  current(): string | null {
    return readLinkName(functionPath(this.#fn.address, this.#options, "driver"));
  }

  /** @throws PciError `ERR_NOT_SUPPORTED` if the driver is not there and cannot be loaded */
  async load(driver: string): Promise<void> {
    if (existsSync(this.#driverPath(driver))) return;
    await this.begin("module");
    const loading = this.#kernel.loadModule(driver).then(
      () => undefined,
      (error: unknown) => error,
    );
    const cause = await this.wait("module", loading, `modprobe to load ${driver}`);
    if (existsSync(this.#driverPath(driver))) return;
    throw new PciError("ERR_NOT_SUPPORTED", `the driver ${driver} is not loaded`, {
      hint: `sudo modprobe ${driver}`,
      cause,
    });
  }

  /** Names the only driver that may take the function; null lets the kernel match again. */
  async override(driver: string | null): Promise<void> {
    await this.begin("override");
    const path = functionPath(this.#fn.address, this.#options, "driver_override");
    await this.#write("override", path, driver ?? "\n", "the kernel to take the driver's name");
  }

  /** Takes the function from the driver that has it, if one has. */
  async release(): Promise<void> {
    const driver = this.current();
    if (driver === null) return;
    await this.begin("release");
    const path = join(functionPath(this.#fn.address, this.#options, "driver"), "unbind");
    await this.#write(
      "release",
      path,
      this.#fn.address,
      `${driver} to let go of ${this.#fn.address}`,
      "ENODEV",
    );
  }

  /** Lets the kernel look for a driver. Its answer says nothing: what counts is who has the function after. */
  async probe(): Promise<void> {
    await this.begin("probe");
    const path = pathIn(this.#options, "/sys/bus/pci/drivers_probe");
    await this.#write("probe", path, this.#fn.address, `a driver to take ${this.#fn.address}`, "EINVAL");
  }

  /** Has the function's driver make so many virtual functions, of which it has none; 0 takes them away. */
  async setVirtualFunctions(count: number): Promise<void> {
    await this.begin("virtual-functions");
    const path = functionPath(this.#fn.address, this.#options, "sriov_numvfs");
    const subject = `the virtual functions of ${this.#fn.address} to ${count === 0 ? "go" : "come"}`;
    await this.#write("virtual-functions", path, String(count), subject);
  }

  /** Asks one driver to take the function. If it will not, {@link verify} says why. */
  async attach(driver: string): Promise<void> {
    await this.begin("probe");
    const path = join(this.#driverPath(driver), "bind");
    try {
      await this.#write("probe", path, this.#fn.address, `${driver} to take ${this.#fn.address}`);
    } catch (error) {
      if (this.pending || this.#writer.ended || isPciError(error, "ERR_PERMISSION")) throw error;
      this.#failure = error;
    }
  }

  /**
   * Teaches a driver the function's id: the fall-back of row R1, for kernels without `driver_override`. It then takes every
   * function of that id that has no driver.
   */
  async addId(driver: string): Promise<void> {
    await this.begin("probe");
    await this.#write("probe", join(this.#driverPath(driver), "new_id"), this.#id(), `${driver}`, "EEXIST");
  }

  /** Makes the driver forget the id, so that it takes no other function later. */
  async removeId(driver: string): Promise<void> {
    await this.#write(
      "probe",
      join(this.#driverPath(driver), "remove_id"),
      this.#id(),
      `${driver}`,
      "ENODEV",
    );
  }

  /** Whether this kernel has `driver_override` (Linux 3.16 and later). */
  hasOverride(): boolean {
    return existsSync(functionPath(this.#fn.address, this.#options, "driver_override"));
  }

  /**
   * The only driver that may take the function now, if one is named.
   *
   * @throws PciError `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_BIND_FAILED` if the process that reads dies, or with the system's code
   */
  async readOverride(): Promise<string | null> {
    const path = functionPath(this.#fn.address, this.#options, "driver_override");
    const read = this.#writer.read(path).then(parseOverride, (cause: unknown) => {
      throw isPciError(cause) ? cause : unreadable(path, cause);
    });
    return this.wait("override", read, `the lock of ${this.#fn.address}`);
  }

  /** @throws PciError `ERR_BIND_FAILED` if another driver than `driver` has the function */
  verify(driver: string): void {
    this.report("verify");
    const current = this.current();
    if (current === driver || (driver === VFIO_PCI && isVfioDriver(current))) return;
    throw new PciError(
      "ERR_BIND_FAILED",
      `${this.#fn.address} did not go to ${driver}: it has ${current === null ? "no driver" : `the driver ${current}`}`,
      { hint: `the kernel says why: sudo dmesg | grep ${this.#fn.address}`, cause: this.#failure },
    );
  }

  /**
   * Tells the caller that a step begins.
   *
   * @throws PciError `ERR_ABORTED` if the caller no longer wants it; what the caller's callback throws
   */
  report(step: BindStep): void {
    if (this.#signal?.aborted) {
      const message = `stopped before the step "${step}" on ${this.#fn.address}`;
      throw new PciError("ERR_ABORTED", message, { cause: this.#signal.reason });
    }
    this.#listener.tell({ address: this.#fn.address, step, elapsedMs: 0, holders: [] });
  }

  async #write(step: BindStep, path: string, text: string, subject: string, ignored?: string): Promise<void> {
    const write = this.#writer.write(path, text).catch((cause: unknown) => {
      // Not the kernel's answer: there was nobody to ask it.
      if (isPciError(cause)) throw cause;
      if (systemFailure(cause).code !== ignored) throw explainWrite(path, cause);
    });
    await this.wait(step, write, subject);
  }

  /**
   * Waits for something that the kernel may keep waiting, as the caller's options say.
   *
   * @throws PciError `ERR_TIMEOUT` or `ERR_ABORTED`; what `call` throws
   */
  async wait<T>(step: BindStep, call: Promise<T>, subject: string): Promise<T> {
    const { timeoutMs = TIMEOUT_MS, reportMs = REPORT_MS } = this.#options;
    const address = this.#fn.address;
    const work = call.finally(() => this.#pending.delete(work));
    this.#pending.add(work);
    return waitPatiently(work, {
      subject,
      completion: completions[step]?.(address) ?? `sudo userpci unbind ${address}`,
      timeoutMs,
      reportMs,
      signal: this.#signal,
      findHolders: () => findHolders(this.#nodes(), this.#options),
      onWait: (elapsedMs, holders) => this.#listener.tell({ address, step, elapsedMs, holders }),
    });
  }

  // Every program that uses any function with iommufd has /dev/iommu open.
  #nodes(): string[] {
    const virtual = this.#fn.virtualFunctions.map((address) => readFunction(address, this.#options));
    return [this.#fn, ...virtual]
      .filter((fn) => fn !== null)
      .map((fn) => deviceNodes(fn, this.#options))
      .flatMap(({ group, device }) => [group, device])
      .filter((node) => node !== null);
  }

  #driverPath(driver: string): string {
    return pathIn(this.#options, `/sys/bus/pci/drivers/${driver}`);
  }

  #id(): string {
    const hex = (value: number) => value.toString(16).padStart(4, "0");
    return `${hex(this.#fn.vendor)} ${hex(this.#fn.device)}`;
  }
}
