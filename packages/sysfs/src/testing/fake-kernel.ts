import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import type { PciError } from "@userpci/interface";
import { explainWrite, type Kernel, type KernelWriter, type Ownership } from "../kernel.ts";
import { identify } from "../process-identity.ts";
import { readLinkName } from "../tree.ts";
import { writeDriver, writeLink, writeMachine } from "./machine.ts";

/**
 * A kernel over the files that `writeMachine` wrote: the attributes that binding writes act as in Linux's driver core
 * (`drivers/base/bus.c`, `drivers/pci/pci-driver.c`), so that a binding can be watched, and broken, at every step.
 */
export class FakeKernel implements Kernel {
  readonly #root: string;
  readonly #ids: Readonly<Record<string, readonly string[]>>;
  readonly #dynamicIds = new Map<string, Set<string>>();
  readonly #faults: { path: RegExp; code: string }[] = [];
  readonly #waits: { path: RegExp; until: Promise<void> }[] = [];
  readonly #starts: (() => Promise<void>)[] = [];
  #preferred = "";
  #end: { left: number; when: "before" | "after"; reached: () => void } | undefined;
  /** Every write and change of owner, in order, as `path < text`. */
  readonly log: string[] = [];

  /** Drivers that can be loaded. */
  readonly modules = new Set<string>();
  /** Whether udev can be told to read its rules. */
  hasUdevadm = true;

  /** @param ids the `vendor:device` ids that each driver takes by itself */
  constructor(root: string, ids: Readonly<Record<string, readonly string[]>> = {}) {
    this.#root = root;
    this.#ids = ids;
  }

  /** Makes the next write to a matching path fail, once. For a read or a check the path begins with `read ` or `access `. */
  failOnce(path: RegExp, code: string): void {
    this.#faults.push({ path, code });
  }

  /**
   * Has the process of whoever calls end, as far as can be seen from here, at the change with this number, before or after it takes
   * effect: the call never returns. Resolves when that is so; false if there are not so many changes.
   */
  endAt(number: number, when: "before" | "after", call: () => Promise<unknown>): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#end = { left: number, when, reached: () => resolve(true) };
      call().then(() => resolve(false), reject);
    }).finally(() => {
      this.#end = undefined;
    }) as Promise<boolean>;
  }

  /** Keeps the next call waiting before it takes its turn. Resolves when it is there. */
  holdStart(until: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      this.#starts.push(() => {
        resolve();
        return until;
      });
    });
  }

  /** Keeps writes to a matching path waiting. */
  holdUntil(path: RegExp, until: Promise<void>): void {
    this.#waits.push({ path, until });
  }

  async start(): Promise<KernelWriter> {
    await this.#starts.shift()?.();
    return {
      identity: identify(process.pid)!,
      ended: false,
      read: (path) => this.read(path),
      write: (path, text) => this.write(path, text),
      close: () => {},
    };
  }

  async read(path: string): Promise<string> {
    await this.#meet(path, "read ");
    return readFileSync(path, "utf8");
  }

  async write(path: string, text: string): Promise<void> {
    await this.#living(() => this.#write(path, text));
  }

  async #write(path: string, text: string): Promise<void> {
    const place = path.slice(this.#root.length);
    this.log.push(`${place} < ${text.trim()}`);
    this.#refuse(path);
    const act = this.#begin(path, text.trim());
    await this.#wait(path);
    act();
  }

  async refusal(path: string, command: string): Promise<PciError | null> {
    const fault = this.#faults.findIndex((candidate) => candidate.path.test(`access ${path}`));
    return fault < 0
      ? null
      : explainWrite(path, systemError(this.#faults.splice(fault, 1)[0]!.code, path), command);
  }

  async own(path: string, ownership: Ownership): Promise<void> {
    await this.#living(() => this.#own(path, ownership));
  }

  async #own(path: string, { uid, gid, mode }: Ownership): Promise<void> {
    const place = path.slice(this.#root.length);
    this.log.push(`${place} < ${uid}:${gid} ${mode.toString(8)}`);
    await this.#meet(path);
    // An ordinary user could not give a file away.
    chmodSync(path, mode);
  }

  async loadModule(name: string): Promise<void> {
    await this.#living(() => this.#loadModule(name));
  }

  async #loadModule(name: string): Promise<void> {
    this.log.push(`modprobe ${name}`);
    if (!this.modules.has(name)) throw systemError("ENOENT", name);
    writeDriver(this.#root, name);
  }

  async reloadRules(): Promise<void> {
    this.log.push("udevadm control --reload");
    if (!this.hasUdevadm) throw systemError("ENOENT", "udevadm");
  }

  /** Makes a change, if the process does not end before. */
  async #living(change: () => Promise<void>): Promise<void> {
    const end = this.#end;
    const ends = end !== undefined && end.left-- === 0;
    if (!ends || end.when === "after") await change();
    if (!ends) return;
    end.reached();
    await new Promise(() => {});
  }

  /** What a test has put in the way of a path. */
  async #meet(path: string, access = ""): Promise<void> {
    await this.#wait(path, access);
    this.#refuse(path, access);
  }

  async #wait(path: string, access = ""): Promise<void> {
    const place = `${access}${path.slice(this.#root.length)}`;
    await this.#waits.find((wait) => wait.path.test(place))?.until;
  }

  #refuse(path: string, access = ""): void {
    const place = `${access}${path.slice(this.#root.length)}`;
    const fault = this.#faults.findIndex((candidate) => candidate.path.test(place));
    if (fault >= 0) throw systemError(this.#faults.splice(fault, 1)[0]!.code, path);
    if (!existsSync(path)) throw systemError("ENOENT", path);
  }

  /** @returns what is done once the kernel waits for nobody any more */
  #begin(path: string, text: string): () => void {
    const driver = basename(realpathSync(dirname(path)));
    const acts: Record<string, () => void> = {
      driver_override: () => writeFileSync(path, text === "" ? "(null)\n" : `${text}\n`),
      unbind: () => this.#detached(text, driver),
      bind: () => {
        if (!this.#matches(text, driver)) throw systemError("ENODEV", path);
        this.#attach(text, driver);
      },
      new_id: () => this.#addId(text, driver),
      remove_id: () => this.#dynamicIds.get(driver)?.delete(text),
      drivers_probe: () => this.#probe(text),
      sriov_numvfs: () => this.#setVirtualFunctions(dirname(path), Number(text)),
    };
    const act = acts[basename(path)];
    if (act === undefined) throw systemError("EINVAL", path);
    // The link goes before the driver is waited for (`__device_release_driver`).
    if (act === acts["unbind"]) this.#disconnect(text, driver, path);
    return act;
  }

  /** As `sriov_numvfs_store` of `drivers/pci/iov.c`. */
  #setVirtualFunctions(physical: string, count: number): void {
    const path = join(physical, "sriov_numvfs");
    const links = readdirSync(physical).filter((name) => name.startsWith("virtfn"));
    if (!existsSync(join(physical, "driver"))) throw systemError("ENOENT", path);
    if (count > 0 && links.length > 0) throw systemError("EBUSY", path);
    for (const link of links) rmSync(join(physical, link));
    const bus = basename(physical).slice(0, 7);
    for (let index = 0; index < count; index++) {
      const address = `${bus}:10.${index}`;
      writeMachine(this.#root, { functions: [{ address, id: "8086:10ca", group: 20 + index }] });
      const target = realpathSync(join(this.#root, "/sys/bus/pci/devices", address));
      symlinkSync(target, join(physical, `virtfn${index}`));
    }
    writeFileSync(path, `${count}\n`);
  }

  #addId(id: string, driver: string): void {
    this.#dynamicIds.set(driver, (this.#dynamicIds.get(driver) ?? new Set()).add(id));
    for (const address of this.#addresses()) {
      if (this.#matches(address, driver)) this.#attach(address, driver);
    }
  }

  /** Has a driver come before the others where several would take a function. */
  prefer(driver: string): void {
    this.#preferred = driver;
  }

  #probe(address: string): void {
    const names = readdirSync(join(this.#root, "/sys/bus/pci/drivers")).sort();
    const drivers = [this.#preferred, ...names].filter((name) => names.includes(name));
    const taker = drivers.find((driver) => this.#matches(address, driver));
    if (taker !== undefined) this.#attach(address, taker);
  }

  #matches(address: string, driver: string): boolean {
    if (this.#driverOf(address) !== null) return false;
    const override = this.#attribute(address, "driver_override");
    if (override !== null && override !== "(null)") return override === driver;
    const [vendor, device] = ["vendor", "device"].map((name) => this.#attribute(address, name)?.slice(2));
    const own = this.#ids[driver]?.includes(`${vendor}:${device}`) ?? false;
    return own || (this.#dynamicIds.get(driver)?.has(`${vendor} ${device}`) ?? false);
  }

  #attach(address: string, driver: string): void {
    writeLink(this.#root, this.#place(address, "driver"), `/sys/bus/pci/drivers/${driver}`);
    const group = readLinkName(join(this.#device(address), "iommu_group"));
    if (driver !== "vfio-pci" || group === null) return;
    mkdirSync(join(this.#root, "/dev/vfio"), { recursive: true });
    writeFileSync(join(this.#root, "/dev/vfio", group), "", { mode: 0o600 });
  }

  #disconnect(address: string, driver: string, path: string): void {
    if (this.#driverOf(address) !== driver) throw systemError("ENODEV", path);
    rmSync(join(this.#device(address), "driver"));
  }

  #detached(address: string, driver: string): void {
    const group = readLinkName(join(this.#device(address), "iommu_group"));
    if (driver !== "vfio-pci" || group === null) return;
    const members = readdirSync(join(this.#root, "/sys/kernel/iommu_groups", group, "devices"));
    // The node goes with the last of them.
    if (members.every((member) => this.#driverOf(member) !== "vfio-pci"))
      rmSync(join(this.#root, "/dev/vfio", group), { force: true });
  }

  #addresses(): string[] {
    return readdirSync(join(this.#root, "/sys/bus/pci/devices"));
  }

  #device(address: string): string {
    return realpathSync(join(this.#root, "/sys/bus/pci/devices", address));
  }

  #place(address: string, name: string): string {
    return join(this.#device(address).slice(realpathSync(this.#root).length), name);
  }

  #driverOf(address: string): string | null {
    return readLinkName(join(this.#device(address), "driver"));
  }

  #attribute(address: string, name: string): string | null {
    const path = join(this.#device(address), name);
    return existsSync(path) ? readFileSync(path, "utf8").trim() : null;
  }
}

function systemError(code: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: write '${path}'`), { code, errno: -1, syscall: "write", path });
}
