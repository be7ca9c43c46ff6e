import { existsSync } from "node:fs";
import { VFIO_PCI } from "./driver.ts";
import { functionPath, type PciFunction } from "./function.ts";
import { isVfioDriver } from "./group.ts";
import { idOf } from "./journal.ts";
import type { BindStep } from "./progress.ts";
import { statePath } from "./state-file.ts";
import { pathIn, type TreeOptions } from "./tree.ts";
import type { SystemUser } from "./user.ts";

/** One thing that a call is going to do. */
export interface PlannedStep {
  readonly address: string;
  readonly step: BindStep | "journal";
  /** For people: `take it from e1000e`. */
  readonly what: string;
  /** The file that is written, as a path below the root; null where none is, or where its name is not known yet. */
  readonly path: string | null;
  /** What is written there; null where that is no text of one line. */
  readonly text: string | null;
}

/** The same as a line for a root shell; null for what has none. */
export function commandOf({ step, path, text }: PlannedStep): string | null {
  if (step === "module") return `modprobe ${text}`;
  if (path === null || text === null) return null;
  return text === "\n" ? `echo >${path}` : `echo ${text} >${path}`;
}

/** Makes steps of one function. */
export class StepList {
  readonly #address: string;
  readonly #options: TreeOptions;
  readonly steps: PlannedStep[] = [];

  constructor(address: string, options: TreeOptions) {
    this.#address = address;
    this.#options = options;
  }

  /** Whether this kernel has `driver_override`. */
  get overridable(): boolean {
    return existsSync(functionPath(this.#address, this.#options, "driver_override"));
  }

  journal(what: string): void {
    this.#add("journal", what, statePath(`${this.#address}.json`, {}), null);
  }

  load(driver: string): void {
    if (!existsSync(pathIn(this.#options, driverPath(driver))))
      this.#add("module", `load ${driver}`, null, driver);
  }

  override(driver: string | null): void {
    if (!this.overridable) return;
    const what = driver === null ? "let every driver take it again" : `let no driver but ${driver} take it`;
    this.#add("override", what, this.#attribute("driver_override"), driver ?? "\n");
  }

  release(driver: string | null): void {
    if (driver === null) return;
    this.#add("release", `take it from ${driver}`, this.#attribute("driver/unbind"), this.#address);
  }

  probe(what: string): void {
    this.#add("probe", what, "/sys/bus/pci/drivers_probe", this.#address);
  }

  /** The fall-back for kernels without `driver_override`. */
  takeById(id: string): void {
    this.#add("probe", `teach ${VFIO_PCI} its id`, `${driverPath(VFIO_PCI)}/new_id`, id);
    this.#add("probe", `let ${VFIO_PCI} forget its id`, `${driverPath(VFIO_PCI)}/remove_id`, id);
  }

  verify(driver: string): void {
    this.#add("verify", `see that ${driver} has it`, null, null);
  }

  permit(user: SystemUser, what = "/dev/vfio"): void {
    this.#add("permit", `give its nodes in ${what} to ${user.name} (uid ${user.uid})`, null, null);
  }

  /** A node goes to another owner. */
  own(path: string, what: string): void {
    this.#add("permit", what, path, null);
  }

  #add(step: PlannedStep["step"], what: string, path: string | null, text: string | null): void {
    this.steps.push({ address: this.#address, step, what, path, text });
  }

  #attribute(name: string): string {
    return functionPath(this.#address, {}, name);
  }
}

/** The steps of `bind` for a function as it is. */
export function bindingSteps(fn: PciFunction, user: SystemUser | null, options: TreeOptions): PlannedStep[] {
  const list = new StepList(fn.address, options);
  if (!isVfioDriver(fn.driver)) {
    list.load(VFIO_PCI);
    list.journal(`record ${fn.driver === null ? "that it had no driver" : `that ${fn.driver} had it`}`);
    list.override(VFIO_PCI);
    list.release(fn.driver);
    if (list.overridable) list.probe(`let ${VFIO_PCI} take it`);
    else list.takeById(idOf(fn).replace(":", " "));
    list.verify(VFIO_PCI);
  }
  if (user !== null) list.permit(user);
  return list.steps;
}

function driverPath(driver: string): string {
  return `/sys/bus/pci/drivers/${driver}`;
}
