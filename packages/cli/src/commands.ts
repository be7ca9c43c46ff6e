import type { ArgumentSpec, CommandSpec, OptionSpec } from "./command.ts";

const address: ArgumentSpec = {
  usage: "<address>",
  about: "PCI address, such as 0000:00:04.0 or 00:04.0",
  check: async (text) => {
    const { PciAddress } = await import("@userpci/sysfs");
    PciAddress.parse(text);
  },
};

/** How many there may be, the function itself tells. */
async function checkCount(text: string): Promise<void> {
  if (/^\d{1,5}$/.test(text)) return;
  const { PciError } = await import("@userpci/interface");
  throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is no number of virtual functions`, {
    hint: "give a whole number, such as 2, or 0 for none",
  });
}

const root: OptionSpec = {
  usage: "--root <directory>",
  about: "read this directory in place of /: a copy of another machine's /sys and /proc",
};

const timeout: OptionSpec = {
  usage: "--timeout <seconds>",
  about: "how long to wait for the kernel in one step (default: 30)",
};

/** Every command of `userpci`. The code of each is loaded when it runs. */
export const commands: readonly CommandSpec[] = [
  {
    name: "list",
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
    load: () => import("./commands/list.ts"),
  },
  {
    name: "show",
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
    load: () => import("./commands/show.ts"),
  },
  {
    name: "bind",
    summary: "bind a function to vfio-pci, and open its nodes up to a user",
    arguments: [address],
    options: [{ usage: "--user <name>", about: "user name or number that may open the function" }, timeout],
    examples: [["bind 00:04.0 --user alice", "as root; from then on alice needs no rights"]],
    load: () => import("./commands/bind.ts"),
  },
  {
    name: "unbind",
    summary: "give a function back to the driver it had before bind",
    arguments: [address],
    options: [timeout],
    examples: [["unbind 00:04.0", "as root; a program that has it open is asked to let go"]],
    load: () => import("./commands/unbind.ts"),
  },
  {
    name: "sriov",
    summary: "give a card with SR-IOV so many virtual functions, in place of those that it has",
    arguments: [address, { usage: "<count>", about: "how many: 0 takes them all away", check: checkCount }],
    options: [timeout],
    examples: [
      ["sriov 01:00.0 2", "as root; prints the addresses of both"],
      ["sriov 01:00.0 0", "a program that has one open is asked to let go"],
    ],
    load: () => import("./commands/sriov.ts"),
  },
  {
    name: "serve",
    summary: "serve a device written in TypeScript to other programs and virtual machines (vfio-user)",
    arguments: [
      {
        usage: "<model>",
        about:
          "edu, nvme, nic (a linked pair), or a module whose default export is a DeviceModel or makes one, such as ./model.js",
      },
    ],
    options: [
      { usage: "--socket <path>", about: "where clients connect; several models take <path>.0, <path>.1" },
      {
        usage: "--clients <one|many>",
        about: "one at a time (default), or many (16), each with its own device",
      },
      { usage: "--refuse", about: "refuse clients that would have to wait" },
      { usage: "--blocking", about: "wait for the client with the whole thread: less time a message" },
      { usage: "--real-time", about: "let the device's clock run as the wall's" },
      { usage: "--all", about: "let every user of this machine connect, not only the owner" },
    ],
    examples: [
      ["serve edu --socket /tmp/edu.sock", "then: qemu … -device vfio-user-pci, or vfioUser() of a driver"],
      ["serve ./model.js --socket /tmp/mine.sock --json", "events as lines of JSON on standard error"],
    ],
    load: () => import("./commands/serve.ts"),
  },
  {
    name: "demo",
    summary: "drive a device step by step: an edu in another process, over vfio-user",
    arguments: [],
    options: [
      {
        usage: "--vm",
        about: "boot a real Linux kernel with an emulated IOMMU, and drive QEMU's edu on its VFIO",
      },
      { usage: "--here", about: "use the edu device of this machine, as root" },
      { usage: "--in-process", about: "emulate the edu in this process, with no socket and no addon" },
    ],
    examples: [
      ["demo", "with no hardware, no root and no virtual machine"],
      ["demo --vm", "fetches QEMU and a kernel once, then takes seconds"],
      ["demo --json", "one object with the inputs, results and durations of each step"],
    ],
    load: () => import("./commands/demo.ts"),
  },
];
