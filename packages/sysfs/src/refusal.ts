import { existsSync } from "node:fs";
import { type ErrorCode, PciError } from "@userpci/interface";
import { functionPath, isPlatformBridge, type PciFunction, readHeaderType } from "./function.ts";
import { releaseCommand } from "./group.ts";
import type { Kernel } from "./kernel.ts";
import { pathIn, readNames, readText, type TreeOptions } from "./tree.ts";

interface Refusal {
  readonly code: ErrorCode;
  applies(fn: PciFunction, options: TreeOptions): boolean;
  message(fn: PciFunction, options: TreeOptions): string;
  hint(fn: PciFunction, options: TreeOptions): string;
}

/** Header type of a function that is gone: every byte of its configuration space reads as ones. */
const NO_ANSWER = 0x7f;

/** Functions that are not given to user space, whoever asks (rows R1 and R2). The first that applies is thrown. */
const refusals: readonly Refusal[] = [
  {
    code: "ERR_BIND_REFUSED",
    applies: (fn, options) => readHeaderType(fn, options) === NO_ANSWER,
    message: (fn) => `${fn.address} does not answer: it was unplugged, or its link is down`,
    hint: (fn) => lookAgain(fn.address).join("\n"),
  },
  {
    code: "ERR_BIND_REFUSED",
    applies: (fn, options) => ![0, NO_ANSWER].includes(readHeaderType(fn, options)),
    message: (fn, options) =>
      `${fn.address} is a bridge (header type ${readHeaderType(fn, options)}); vfio-pci takes endpoints only`,
    hint: () => "leave bridges where they are: on pcieport or without a driver they do not block their group",
  },
  {
    code: "ERR_BIND_REFUSED",
    applies: (fn) => isPlatformBridge(fn.classCode),
    message: (fn) =>
      `${fn.address} is a ${fn.classCode >>> 8 === 0x0600 ? "host" : "legacy bus"} bridge (class ${fn.classCode.toString(16).padStart(6, "0")}); the machine itself runs through it`,
    hint: (fn) =>
      fn.driver === null
        ? "leave it where it is: without a driver it does not block its group"
        : `if it blocks its group, take its driver away: ${releaseCommand(fn.address)}`,
  },
  {
    code: "ERR_BIND_REFUSED",
    applies: (fn) => fn.virtualFunctions.length > 0,
    message: (fn) =>
      `${fn.address} has ${fn.virtualFunctions.length} virtual functions enabled; taking its driver away would break them`,
    hint: (fn) =>
      `take them away first: sudo userpci vf destroy ${fn.address}\nor bind one of them: ${fn.virtualFunctions.join(", ")}`,
  },
  {
    code: "ERR_NO_IOMMU",
    applies: (fn) => fn.iommuGroup === null,
    message: (fn) => `${fn.address} is in no IOMMU group, so nothing would contain its DMA`,
    hint: (_fn, options) => iommuHint(options),
  },
];

/**
 * Refuses functions that must not be bound to vfio-pci.
 *
 * @throws PciError `ERR_BIND_REFUSED` for a function that does not answer, a bridge to another bus or to the platform, and for a physical function with virtual functions enabled,
 * `ERR_NO_IOMMU`
 */
export function refuseUnbindable(fn: PciFunction, options: TreeOptions): void {
  const [first] = unbindable(fn, options);
  if (first !== undefined) throw first;
}

/** Every reason for which a function must not be bound to vfio-pci, as the errors that say so. */
export function unbindable(fn: PciFunction, options: TreeOptions): PciError[] {
  return refusals
    .filter((refusal) => refusal.applies(fn, options))
    .map(
      ({ code, message, hint }) =>
        new PciError(code, message(fn, options), {
          hint: hint(fn, options),
          details: { address: fn.address },
        }),
    );
}

/** Commands that have the kernel forget a function that does not answer, and look for what is there. */
export function lookAgain(address: string): string[] {
  return [
    `echo 1 | sudo tee /sys/bus/pci/devices/${address}/remove`,
    "echo 1 | sudo tee /sys/bus/pci/rescan",
  ];
}

/**
 * Refuses a user who may not bind and unbind.
 *
 * @param command what would do it as root
 * @throws PciError `ERR_PERMISSION`
 */
export async function refuseUnprivileged(
  kernel: Kernel,
  fn: PciFunction,
  command: string,
  options: TreeOptions,
): Promise<void> {
  const override = functionPath(fn.address, options, "driver_override");
  const probe = pathIn(options, "/sys/bus/pci/drivers_probe");
  const refusal = await kernel.refusal(existsSync(override) ? override : probe, command);
  if (refusal !== null) throw refusal;
}

function iommuHint(options: TreeOptions): string {
  if (readNames(pathIn(options, "/sys/class/iommu")).length > 0) {
    return "the system has an IOMMU, but this function is not behind one: use another slot or function";
  }
  const cmdline = readText(pathIn(options, "/proc/cmdline")) ?? "";
  const off = /\b((intel|amd)_)?iommu=off\b/.exec(cmdline);
  if (off !== null) return `remove ${off[0]} from the kernel command line, and reboot`;
  // AMD's is on unless it is turned off, and has no word for it (Documentation/admin-guide/kernel-parameters.txt).
  return /\bintel_iommu=on\b|\biommu=(pt|force)\b/.test(cmdline)
    ? "the kernel was told to use an IOMMU and found none: enable VT-d or AMD-Vi in the firmware set-up"
    : "enable VT-d (Intel) or AMD-Vi (AMD) in the firmware set-up; on Intel add intel_iommu=on to the kernel command line; reboot";
}
