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
      { usage: "--tree", about: "below their bridges, with links, slots and groups; without --columns" },
      {
        usage: "--columns <names>",
        about: "such as address,driver,modules; +link,interface adds to the usual ones; all",
        words: ["all", "+link,interface", "address,id,driver,modules,interface"],
      },
      root,
    ],
    examples: [
      ["list --class 02", "network controllers"],
      ["list --class 02 --columns +interface,modules,link", "with interfaces, possible drivers and links"],
      ["list --tree", "what is connected where, and which links are slower than they could be"],
      ["list --driver vfio-pci", "what is ready for user space"],
    ],
    load: () => import("../commands/list.ts"),
  },
  {
    name: "show",
    section: "look",
    summary: "show one function: identity, abilities, owner, group, and its registers decoded",
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
      {
        usage: "-v, --verbose",
        about: "also its place, power, modules, errors and capabilities; -vv: and every register, decoded",
        counts: true,
      },
      root,
    ],
    examples: [
      ["show 00:04.0", "what it is, what it can do, and who owns it"],
      ["show 00:04.0 -vv", "as root, with every register of its configuration space"],
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
      [
        "doctor --json",
        "every check for a program; the exit status is 1 if there is a problem, 2 if it failed",
      ],
    ],
    answers: true,
    load: () => import("../commands/doctor.ts"),
  },
  {
    name: "groups",
    section: "look",
    summary: "show IOMMU groups: who is in them, whether user space may own them, and why not",
    arguments: [{ usage: "[number]", about: "only this group" }],
    options: [
      { usage: "--viable", about: "only those that user space may own" },
      { usage: "--blocked", about: "only those that a member keeps from user space" },
      { usage: "--driver <name>", about: "only those with a member that is bound to this driver" },
      root,
    ],
    examples: [
      ["groups 7", "one group, what its members have in common, and the commands that free it"],
      ["groups --blocked --json", "all that are in the way, for a program"],
    ],
    load: () => import("../commands/groups.ts"),
  },
  {
    name: "snapshot",
    section: "look",
    summary: "copy what this machine says of its PCI devices into an archive, for --root on another",
    arguments: [
      { usage: "<file>", about: "new file: .tar, or .tar.gz and .tgz to pack it; - is standard output" },
    ],
    options: [
      {
        usage: "--redact",
        about: "leave out MAC and IP addresses, UUIDs, host names and serial numbers of cards",
      },
      root,
    ],
    examples: [
      ["snapshot machine.tgz --redact", "to attach to a question; as root it has everything"],
      ["list --tree --root machine.tgz", "look at it anywhere"],
    ],
    load: () => import("../commands/snapshot.ts"),
  },
];
