import { type OwnedRegion, PciError } from "@userpci/interface";
import { type ConfigSpace, configOf } from "@userpci/pci-config";
import { ConfigFile, keepAwake, type PciFunction, readRom, type TreeOptions } from "@userpci/sysfs";
import { SMALLEST_CONFIG, type Target, type TargetBar } from "./target.ts";

/** Memory and port decode of the command register (PCI 3.0, section 6.2.2). */
const decode = { memory: 1 << 1, io: 1 << 0 } as const;

/** A target through its files in sysfs, as it is: whoever has it keeps it, and it is not reset. Its registers are kept awake. */
export class SysfsTarget implements Target {
  readonly via = "sysfs";
  readonly device = null;
  readonly fn: PciFunction;
  readonly config: ConfigSpace;
  readonly #file: ConfigFile;
  readonly #tree: TreeOptions;
  readonly #openResource: OpenResource;
  readonly #open = new Set<OwnedRegion>();
  #awake: Disposable | undefined;

  private constructor(fn: PciFunction, file: ConfigFile, tree: TreeOptions, openResource: OpenResource) {
    this.fn = fn;
    this.config = configOf(file);
    this.#file = file;
    this.#tree = tree;
    this.#openResource = openResource;
  }

  /**
   * Opens the function's configuration file.
   *
   * @param writable whether configuration space is to be written
   * @throws PciError as `ConfigFile`
   */
  static async open(fn: PciFunction, tree: TreeOptions, writable = false): Promise<SysfsTarget> {
    const { openResource } = await import("@userpci/vfio-native");
    return new SysfsTarget(fn, new ConfigFile(fn.address, { ...tree, writable }), tree, openResource);
  }

  get address(): string {
    return this.fn.address;
  }

  get bars(): readonly TargetBar[] {
    return this.fn.resources.filter(({ index }) => index < 6);
  }

  bar(index: number, writable = false): OwnedRegion {
    const bar = this.bars.find((each) => each.index === index);
    if (bar !== undefined) this.#requireAnswer(bar, `BAR ${index}`);
    const region = this.#openResource(this.address, index, { ...this.#tree, writable });
    this.#open.add(region);
    return region;
  }

  rom(onProgress?: (read: number, most: number) => void): Uint8Array | null {
    // Its own enable bit counts only while memory decode is on (PCI 3.0, section 6.2.5.2).
    const has = this.fn.resources.some(({ index }) => index === 6);
    if (has) this.#requireAnswer({ space: "memory" }, "its ROM");
    return readRom(this.address, { ...this.#tree, ...(onProgress && { onProgress }) });
  }

  async close(): Promise<void> {
    for (const region of this.#open) region.close();
    this.#awake?.[Symbol.dispose]();
    this.#file.close();
  }

  /** {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What does not decode answers all ones, as does what sleeps. */
  #requireAnswer({ space }: Pick<TargetBar, "space">, what: string): void {
    this.#awake ??= keepAwake(this.address, this.#tree);
    if ((this.config.command.raw & decode[space]) === 0) {
      const [field, words] = space === "io" ? ["io", "I/O ports"] : ["memory", "memory"];
      throw this.#silent(`does not decode ${words}`, what, `command.${field}=1`);
    }
    // An ordinary user sees the header only, and may not open what this is about.
    const pm = this.config.size < SMALLEST_CONFIG ? undefined : this.config.find("pm");
    const state = pm?.control.powerState ?? 0;
    if (state !== 0) throw this.#silent(`sleeps in D${state}`, what, "pm.control.powerState=D0");
  }

  #silent(why: string, what: string, setting: string): PciError {
    return new PciError("ERR_MEMORY_DISABLED", `${this.address} ${why}, so ${what} does not answer`, {
      hint: `sudo userpci config set ${this.address} ${setting}`,
    });
  }
}

type OpenResource = typeof import("@userpci/vfio-native").openResource;
