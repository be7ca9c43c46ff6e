import { existsSync } from "node:fs";
import { PciError } from "@userpci/interface";
import { VFIO_PCI } from "../driver.ts";
import { findFunction } from "../find.ts";
import { functionPath, type PciFunction } from "../function.ts";
import { isVfioDriver } from "../group.ts";
import { readEntry } from "../journal.ts";
import { checkTreeOptions } from "../options.ts";
import { pathIn, readLinkName, type TreeOptions } from "../tree.ts";
import {
  attributeOf,
  fileOn,
  type GeneratedFile,
  heading,
  idOf,
  type NamedFunction,
} from "./generated-file.ts";
import { type InitramfsTool, initramfsFile, initramfsTools } from "./initramfs.ts";

/** What a boot is to do with a function: the description that all files of a persistent binding are made of. */
export interface PersistentBinding extends NamedFunction {
  /** The driver that would have it otherwise; null if none, or if it is not known. */
  readonly formerDriver: string | null;
  /** The module of that driver; null if it is not known, or has none. */
  readonly formerModule: string | null;
  /** What makes this machine's initial root. */
  readonly initramfs: readonly InitramfsTool[];
}

/**
 * Describes the persistent binding of a function.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_NO_DEVICE`; `ERR_NOT_SUPPORTED` on a kernel without `driver_override` (before Linux 3.16)
 */
export async function describeBinding(
  address: string,
  options: TreeOptions = {},
): Promise<PersistentBinding> {
  checkTreeOptions(options);
  const fn = findFunction(address, options);
  if (!existsSync(functionPath(fn.address, options, "driver_override"))) {
    throw new PciError(
      "ERR_NOT_SUPPORTED",
      `${fn.address} cannot be bound at every boot: no driver_override`,
      {
        hint: "it needs Linux 3.16 or later",
      },
    );
  }
  const formerDriver = isVfioDriver(fn.driver) ? await driverBefore(fn, options) : fn.driver;
  return {
    address: fn.address,
    vendor: fn.vendor,
    device: fn.device,
    formerDriver,
    formerModule: formerDriver === null ? null : moduleOf(formerDriver, options),
    initramfs: initramfsTools(options),
  };
}

async function driverBefore(fn: PciFunction, options: TreeOptions): Promise<string | null> {
  const entry = await readEntry(fn.address, options);
  return entry?.id === idOf(fn) ? (entry.formerDriver ?? null) : null;
}

/** The module of a driver: of the name that the kernel tells; else, where it is not loaded, most likely of the driver's own. */
function moduleOf(driver: string, options: TreeOptions): string | null {
  const told = readLinkName(pathIn(options, `/sys/bus/pci/drivers/${driver}/module`)) ?? driver;
  return /^[\w-]+$/.test(told) ? told : null;
}

/** The files of a persistent binding: the same description always gives the same text. */
export function bindingFiles(binding: PersistentBinding): GeneratedFile[] {
  const rule = ruleFile(binding);
  return [
    rule,
    ...(binding.formerModule === null ? [] : [modprobeFile(binding, binding.formerModule)]),
    ...binding.initramfs.map((tool) => initramfsFile(tool, binding, rule.path)),
  ];
}

const undo = ({ address }: NamedFunction) => `restore ${address} --persistent`;

/**
 * The rule that binds. All of it is done by udev itself, in this order, before `80-drivers.rules` asks for the function's own
 * driver: a module is loaded by the built-in `kmod`, and attributes are written as the line is met (udev(7)).
 */
function ruleFile(binding: PersistentBinding): GeneratedFile & { readonly path: string } {
  const { address, vendor, device } = binding;
  const lines = [
    `ACTION!="add", GOTO="end"`,
    `SUBSYSTEM!="pci", GOTO="end"`,
    `KERNEL!="${address}", GOTO="end"`,
    "# Another card in this slot keeps its own driver.",
    `ATTR{vendor}!="${attributeOf(vendor)}", GOTO="end"`,
    `ATTR{device}!="${attributeOf(device)}", GOTO="end"`,
    "# It has been done before, in the initramfs or by hand.",
    `DRIVER=="${VFIO_PCI}|*-vfio-pci|*_vfio_pci", GOTO="end"`,
    "# Where there is no vfio-pci the function keeps its own driver.",
    `IMPORT{builtin}!="kmod load ${VFIO_PCI}", GOTO="end"`,
    `ATTR{driver_override}="${VFIO_PCI}"`,
    "# What was first lets go: a driver that is part of the kernel, or of the initramfs.",
    `DRIVER=="?*", ATTR{driver/unbind}="$kernel"`,
    `ATTR{[subsystem/pci]drivers_probe}="$kernel"`,
    `LABEL="end"`,
  ];
  const about = heading(binding, `to ${VFIO_PCI} at every boot, and when it is plugged in`, undo(binding));
  return fileOn("bindingRule", binding, `${about}${lines.join("\n")}\n`);
}

/** Has whoever loads the former driver by its name load vfio-pci first, so that udev has nothing to take away. */
function modprobeFile(binding: PersistentBinding, module: string): GeneratedFile {
  const about = heading(binding, `${VFIO_PCI} before ${module}`, undo(binding));
  return fileOn("modprobe", binding, `${about}softdep ${module} pre: ${VFIO_PCI}\n`);
}
