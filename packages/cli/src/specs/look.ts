import type { CommandSpec } from "../command.ts";
import { address, root } from "./common.ts";

/** Commands that look and change nothing. */
export const looking: readonly CommandSpec[] = [
  {
    name: "list",
    section: "look",
    summary: "list the PCI functions of this machine",
    arguments: [],
    options: [
      { usage: "--id <vendor:device>", about: "only this id, in hexadecimal; either side may be empty" },
      { usage: "--class <class>", about: "only this class: 2, 4 or 6 hexadecimal digits" },
      { usage: "--driver <name>", about: 'only those bound to this driver, or "none"' },
      { usage: "--group <number>", about: 'only those of this IOMMU group, or "none"' },
      root,
    ],
    examples: [
      ["list --class 02", "network controllers"],
      ["list --driver vfio-pci", "what is ready for user space"],
    ],
    load: () => import("../commands/list.ts"),
  },
  {
    name: "show",
    section: "look",
    summary: "show one function: identity, owner, group, BARs, decoded configuration space",
    arguments: [
      {
        ...address,
        usage: "[address]",
        about: `${address.about}; with --file, all of them by default`,
        unless: "file",
      },
    ],
    options: [
      {
        usage: "-F, --file <dump>",
        about: "decode a file: the text of `lspci -xxxx`, or raw bytes; - is standard input",
      },
      root,
    ],
    examples: [
      ["show 00:04.0", "what an ordinary user may read"],
      ["show 00:04.0 --json", "the same for a program; as root, with every capability"],
      ["show -F dump.txt --json", "every function of another machine's `lspci -xxxx`, decoded for a program"],
    ],
    load: () => import("../commands/show.ts"),
  },
  {
    name: "doctor",
    section: "look",
    summary:
      "find what keeps programs from a function or from all: causes first, each with evidence and its fix",
    arguments: [
      {
        ...address,
        usage: "[address]",
        about: `${address.about}; without, the machine and what vfio-pci has`,
      },
    ],
    options: [
      {
        usage: "--need <size>",
        about: "how much memory the driver pins, such as 64M: compared with the limit",
      },
      root,
    ],
    examples: [
      ["doctor", "is the IOMMU on, is VFIO there, may this user use it?"],
      ["doctor 00:04.0 --need 64M", "what is between this function and a driver that pins 64 MiB"],
      ["doctor --json", "every check for a program; the exit status is 1 if there is a problem"],
    ],
    load: () => import("../commands/doctor.ts"),
  },
];
