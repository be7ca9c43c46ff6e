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

/** Options of every command: how its result is printed. */
export const forms: readonly [OptionSpec, OptionSpec] = [
  { usage: "--json", about: "print one JSON object, also for an error" },
  { usage: "--jsonl", about: "print JSON as lines, each as soon as it is known" },
];

/** Another tree than the machine's own. */
export const root: OptionSpec = {
  usage: "--root <snapshot>",
  about: "read another machine: an archive of `userpci snapshot`, or a directory with its /sys and /proc",
};

/** Patience with the kernel. */
export const timeout: OptionSpec = {
  usage: "--timeout <seconds>",
  about: "how long to wait for the kernel in one step (default: 30)",
};

/** The device that a command reaches into: of this machine, emulated, or served. */
export const target: ArgumentSpec = {
  ...address,
  about: `${address.about}; left out with --model and --socket`,
  replacedBy: ["model", "socket"],
};

/** Which device is meant in place of the address, and how it is reached. */
export const targetOptions: readonly OptionSpec[] = [
  {
    usage: "--model <model>",
    about: "an emulated device: edu, nvme, nic, or a module such as ./model.js",
    words: ["edu", "nvme", "nic"],
  },
  { usage: "--socket <path>", about: "a device that is served over vfio-user, as by `userpci serve`" },
  { usage: "--via <way>", about: "vfio or sysfs, where both lead to the function", words: ["vfio", "sysfs"] },
];
