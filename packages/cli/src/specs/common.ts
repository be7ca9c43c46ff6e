import type { ArgumentSpec, OptionSpec } from "../command.ts";

/** The function that a command is about. */
export const address: ArgumentSpec = {
  usage: "<address>",
  about: "PCI address, such as 0000:00:04.0 or 00:04.0",
  check: async (text) => {
    const { PciAddress } = await import("@userpci/sysfs");
    PciAddress.parse(text);
  },
};

/** Another tree than the machine's own. */
export const root: OptionSpec = {
  usage: "--root <directory>",
  about: "read this directory in place of /: a copy of another machine's /sys and /proc",
};

/** Patience with the kernel. */
export const timeout: OptionSpec = {
  usage: "--timeout <seconds>",
  about: "how long to wait for the kernel in one step (default: 30)",
};
