import type { DeviceModel } from "@userpci/device-model";
import { isPciError, PciError } from "@userpci/interface";
import {
  describeHolders,
  deviceNodes,
  findFunction,
  findHolders,
  type Holder,
  isVfioDriver,
  type PciFunction,
  type TreeOptions,
} from "@userpci/sysfs";
import type { BarTables } from "userpci/trace";
import { type CommandCall, optionText, treeOf, WrongValue } from "../command.ts";
import { NOTICEABLE_MS } from "../progress-line.ts";
import { SMALLEST_CONFIG, type Target } from "./target.ts";

/** What a command needs of its target. */
export interface TargetRequest {
  /**
   * `registers` (default): BARs, over VFIO where the function is bound to it and this user may open it, else through sysfs as root.
   * `config`: configuration space as it is, so through sysfs; over VFIO, which resets the function, only for what this user may not
   * read otherwise. `files`: what the kernel's files tell and do, so through sysfs. `device`: interrupts or DMA, never through sysfs.
   */
  readonly use?: "registers" | "config" | "files" | "device";
  /** Whether configuration space is to be written. Default false. */
  readonly writable?: boolean;
  /** The widest bus address that the device is to be given for DMA, in bits. Default 64. */
  readonly dmaBits?: number;
}

/**
 * Opens the device that a command line names: `--model` an emulated one, `--socket` one that is served over vfio-user, else the PCI function
 * of its first argument, with `--root` one of a copied tree. `--via vfio|sysfs` decides where both lead to it.
 *
 * @throws WrongValue for options that mean nothing; PciError `ERR_NO_DEVICE`, `ERR_PERMISSION`, `ERR_WRONG_DRIVER`, `ERR_DEVICE_BUSY`, and what else
 * `openDevice` throws
 */
export async function openTarget(call: CommandCall, request: TargetRequest = {}): Promise<Target> {
  const [model, socket, via] = ["model", "socket", "via"].map((name) => optionText(call, name));
  if (model !== undefined && socket !== undefined) throw wrong("--model and --socket name two devices");
  if (via !== undefined && via !== "vfio" && via !== "sysfs") throw wrong(`there is no way ${via}`);
  if (model !== undefined) return openModel(model, request);
  if (socket !== undefined) return openSocket(socket, request, call);
  const tree = treeOf(call);
  const fn = findFunction(call.arguments[0]!, tree);
  // Of another machine there are files and nothing else.
  return tree.root === undefined ? openFunction(fn, via, request) : openSysfs(fn, request, tree);
}

function wrong(message: string): WrongValue {
  const hint =
    "give one of --model edu, --socket PATH, or a PCI address with or without --via vfio or --via sysfs";
  return new WrongValue(new PciError("ERR_INVALID_ARGUMENT", message, { hint }));
}

async function openModel(name: string, { dmaBits }: TargetRequest): Promise<Target> {
  const { findModels } = await import("../serve/models.ts");
  const { emulated } = await import("@userpci/device-model");
  const { DeviceTarget } = await import("./device-target.ts");
  const models = (await findModels(name))();
  const addressed = Object.fromEntries(
    models.map((model, index) => [index === 0 ? name : `${name}.${index}`, model]),
  );
  const tables = tablesIn(models[0]!);
  return DeviceTarget.open(name, null, { backend: emulated(addressed), dmaBits, tables });
}

/** The register tables that a model carries. */
function tablesIn({ bars = {} }: DeviceModel): BarTables {
  const rows = Object.entries(bars).map(([index, bar]) => [index, bar?.registers] as const);
  return Object.fromEntries(rows.filter(([, table]) => table !== undefined));
}

async function openSocket(
  path: string,
  { dmaBits }: TargetRequest,
  { terminal }: CommandCall,
): Promise<Target> {
  const { vfioUser } = await import("userpci");
  const { DeviceTarget } = await import("./device-target.ts");
  const text = `waiting for the server at ${path}: another client may have its device\n`;
  const slow = setTimeout(() => terminal.note(text), NOTICEABLE_MS);
  try {
    return await DeviceTarget.open(path, null, { backend: vfioUser(), dmaBits });
  } finally {
    clearTimeout(slow);
  }
}

async function openFunction(
  fn: PciFunction,
  via: "vfio" | "sysfs" | undefined,
  request: TargetRequest,
): Promise<Target> {
  const { use = "registers" } = request;
  if (via === "vfio" || use === "device") return openVfio(fn, request);
  if (via === "sysfs" || use === "files") return openSysfs(fn, request);
  if (use === "config") return openConfig(fn, request);
  if (!isVfioDriver(fn.driver)) return openSysfs(fn, request);
  try {
    return await openVfio(fn, request);
  } catch (error) {
    // Root sees the registers of a function that a program is at.
    if (process.geteuid?.() !== 0 || !isPciError(error, "ERR_DEVICE_BUSY"))
      throw await withHolders(fn, error);
    return openSysfs(fn, request);
  }
}

async function openVfio(fn: PciFunction, { dmaBits }: TargetRequest): Promise<Target> {
  const { DeviceTarget } = await import("./device-target.ts");
  return DeviceTarget.open(fn.address, fn, { dmaBits });
}

async function openSysfs(
  fn: PciFunction,
  { writable }: TargetRequest,
  tree: TreeOptions = {},
): Promise<Target> {
  const { SysfsTarget } = await import("./sysfs-target.ts");
  return SysfsTarget.open(fn, tree, writable);
}

/** All of configuration space for whoever may have it, else the header. */
async function openConfig(fn: PciFunction, request: TargetRequest): Promise<Target> {
  const target = await openSysfs(fn, request);
  if (target.config.size >= SMALLEST_CONFIG || !isVfioDriver(fn.driver)) return target;
  try {
    const device = await openVfio(fn, request);
    await target.close();
    return device;
  } catch (error) {
    // The header is better than nothing.
    if (isPciError(error)) return target;
    throw error;
  }
}

/** Who has the function's nodes open. */
async function holdersOf(fn: PciFunction): Promise<readonly Holder[]> {
  const { group, device } = deviceNodes(fn);
  return (await findHolders([group, device].filter((node) => node !== null))).holders;
}

/** The error, with who has the function open. */
async function withHolders(fn: PciFunction, error: unknown): Promise<unknown> {
  if (!isPciError(error, "ERR_DEVICE_BUSY")) return error;
  const holders = await holdersOf(fn);
  if (holders.length === 0) return error;
  return new PciError("ERR_DEVICE_BUSY", `${fn.address} is open in ${describeHolders(holders)}`, {
    hint: `end that program first; root reads beside it the BARs that it has not mapped: sudo userpci mem read ${fn.address} BAR OFFSET`,
    cause: error,
  });
}

/**
 * Refuses to write to a function that a kernel driver or a program is at, unless `--yes` was given.
 *
 * @param what is to be done, such as `a write to BAR 0`
 * @throws PciError `ERR_IN_USE` for a kernel driver, `ERR_DEVICE_BUSY` for a program
 */
export async function requireConsent(
  call: CommandCall,
  { fn }: Pick<Target, "fn">,
  what: string,
): Promise<void> {
  if (fn === null || call.options["yes"] === true || fn.driver === null) return;
  const isProgram = isVfioDriver(fn.driver);
  const others = isProgram ? (await holdersOf(fn)).filter(({ pid }) => pid !== process.pid) : [];
  const owner = isProgram ? describeHolders(others) : `the driver ${fn.driver}`;
  const first = isProgram ? `end ${owner} first` : `take it away first: sudo userpci bind ${fn.address}`;
  if (owner === "") return;
  throw new PciError(
    isProgram ? "ERR_DEVICE_BUSY" : "ERR_IN_USE",
    `${owner} has ${fn.address}, and ${what} may break what it is doing`,
    {
      hint: `give --yes if that is what you want; or ${first}`,
      details: { driver: fn.driver },
    },
  );
}
