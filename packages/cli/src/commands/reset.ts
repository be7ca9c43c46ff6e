import { isPciError, PciError } from "@userpci/interface";
import { planReset, type ResetOptions, type ResetPlan, resetFunction } from "@userpci/sysfs";
import { type CommandCall, optionText, type Report, treeOf } from "../command.ts";
import { ProgressLine } from "../progress-line.ts";
import { openTarget, requireConsent } from "../target/open.ts";
import type { Target } from "../target/target.ts";

/** What a reset would do, wherever the device is. */
interface Outlook extends ResetPlan {
  readonly via: Target["via"];
}

/** `userpci reset`. */
export async function run(call: CommandCall): Promise<Report> {
  const method = optionText(call, "method");
  const bus = call.options["bus"] === true;
  const chosen = method ?? (bus ? "bus" : null);
  const planOnly = call.options["plan"] === true;
  // The kernel's own files know methods by name, and opening a device over VFIO would reset it.
  const target = await openTarget(call, {
    use: bus ? "device" : planOnly || method !== undefined ? "files" : "registers",
  });
  try {
    const outlook = outlookOf(target, { ...treeOf(call), ...(method !== undefined && { method }) });
    if (method !== undefined && target.fn === null) throw noMethods(target.address);
    const hits = bus ? hitsOf(target) : [];
    if (!planOnly) await requireConsent(call, target, "a reset");
    const durationMs = planOnly ? null : await reset(call, target, { bus, method });
    return {
      json: { ...outlook, planned: planOnly, method: chosen, hits, durationMs },
      text: ({ green, dim }) =>
        durationMs === null
          ? planText(chosen === null ? outlook : { ...outlook, methods: [chosen] }, target.fn)
          : [
              `${green("reset")}  ${target.address}${bus ? " and its bus" : ""} ${dim(`in ${durationMs.toFixed(1)} ms`)}`,
            ],
    };
  } finally {
    await target.close();
  }
}

/** @throws PciError `ERR_NO_RESET` for a method that the function has not */
function outlookOf({ fn, address, via, device }: Target, options: ResetOptions): Outlook {
  if (fn !== null) return { ...planReset(address, options), via };
  return { address, via, methods: device?.info.resettable ? ["function"] : [], bus: [] };
}

/** Functions that a reset of the bus hits, as VFIO tells; this one included. */
function hitsOf({ device }: Target): readonly string[] {
  return device!.hotResetInfo().map(({ address }) => address);
}

async function reset(
  call: CommandCall,
  target: Target,
  { bus, method }: { bus: boolean; method: string | undefined },
): Promise<number> {
  using progress = new ProgressLine(call.terminal);
  const timer = setTimeout(() => progress.update(`resetting ${target.address}`), 1000);
  try {
    if (target.device === null)
      return await resetFunction(target.address, method === undefined ? {} : { method });
    if (method !== undefined) throw noMethods(target.address);
    const started = performance.now();
    await (bus ? target.device.hotReset() : target.device.reset());
    return performance.now() - started;
  } catch (error) {
    throw isPciError(error, "ERR_NO_RESET") && !bus ? busInstead(error, target) : error;
  } finally {
    clearTimeout(timer);
  }
}

const noMethods = (address: string): PciError =>
  new PciError(
    "ERR_NOT_SUPPORTED",
    `methods by name are the kernel's, and ${address} is not reached through its files`,
    {
      hint: "leave out --method, or name a function of this machine as root",
    },
  );

function busInstead(cause: PciError, { address, fn }: Target): PciError {
  const hint =
    fn === null
      ? 'a model declares it, as by { name: "pcie", registers: { deviceCapabilities: { functionLevelReset: true } } }'
      : `userpci reset ${address} --plan tells what there is; --bus resets all functions below its port`;
  return new PciError("ERR_NO_RESET", cause.message, { hint, cause });
}

function planText({ address, methods, bus }: ResetPlan, fn: Target["fn"]): string[] {
  return [
    `${address}  ${methods.length === 0 ? "has no reset method of its own" : `would be reset by ${methods[0]}`}`,
    ...(methods.length > 1 ? [`  else by  ${methods.slice(1).join(", ")}`] : []),
    `  others   ${othersText(bus, fn)}`,
  ];
}

/** Whom a reset of the bus would hit beside the function. */
function othersText(bus: ResetPlan["bus"], fn: Target["fn"]): string {
  if (fn?.parent === null) return "none: it is on a root bus, which cannot be reset";
  if (bus.length === 0) return fn === null ? "none on its bus" : "none below its port";
  const others = bus.map(({ address, driver }) => `${address} (${driver ?? "no driver"})`);
  return `a reset of the bus hits ${others.join(", ")}`;
}
