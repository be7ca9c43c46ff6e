import { existsSync } from "node:fs";
import { VFIO_PCI } from "../driver.ts";
import { pathIn, type TreeOptions } from "../tree.ts";
import { fileOn, type GeneratedFile, heading, type NamedFunction } from "./generated-file.ts";

/** A program that makes initial roots. */
export type InitramfsTool = "initramfs-tools" | "dracut" | "mkinitcpio";

interface Recipe {
  /** There where the program is installed. */
  readonly sign: string;
  /** @param rule path of the udev rule */
  text(heading: string, rule: string): string;
}

const recipes: Readonly<Record<InitramfsTool, Recipe>> = {
  // initramfs-tools(7), "HOOK SCRIPTS".
  "initramfs-tools": {
    sign: "/etc/initramfs-tools",
    text: (heading, rule) =>
      `#!/bin/sh\n${heading}if [ "$1" = prereqs ]; then echo udev; exit 0; fi\n. /usr/share/initramfs-tools/hook-functions\nmanual_add_modules ${VFIO_PCI}\ncopy_file rule ${rule}\n`,
  },
  // dracut.conf(5).
  dracut: {
    sign: "/etc/dracut.conf.d",
    text: (heading, rule) => `${heading}add_drivers+=" ${VFIO_PCI} "\ninstall_items+=" ${rule} "\n`,
  },
  // mkinitcpio.conf(5).
  mkinitcpio: {
    sign: "/etc/mkinitcpio.conf",
    text: (heading, rule) => `${heading}MODULES+=(${VFIO_PCI})\nFILES+=(${rule})\n`,
  },
};

/** What makes the initial root of a machine, by what is installed. */
export function initramfsTools(options: TreeOptions): InitramfsTool[] {
  const tools = Object.keys(recipes) as InitramfsTool[];
  return tools.filter((tool) => existsSync(pathIn(options, recipes[tool].sign)));
}

/**
 * Takes a udev rule and vfio-pci into the initial root, for a function whose driver is there too: it would have the function before
 * udev's rules of the real root are read.
 */
export function initramfsFile(tool: InitramfsTool, fn: NamedFunction, rule: string): GeneratedFile {
  const about = `${VFIO_PCI} and its udev rule in the initramfs`;
  const first = heading(fn, about, `restore ${fn.address} --persistent`);
  return fileOn(tool, fn, recipes[tool].text(first, rule));
}
