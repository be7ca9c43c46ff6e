import type { ArgumentSpec, CommandSpec, OptionSpec } from "../command.ts";
import { root, target, targetOptions } from "./common.ts";

const bar: ArgumentSpec = { usage: "<bar>", about: "number of a BAR, 0 to 5" };
const place: ArgumentSpec = {
  usage: "<offset>",
  about:
    "bytes from the start of the BAR, such as 0x20, or a register's name of a known device (edu, nvme, nic) or of a model with a table",
};
const width: OptionSpec = {
  usage: "--width <bits>",
  about: "8, 16, 32 or 64 bits an access (default: 32, or the register's)",
  words: ["8", "16", "32", "64"],
};
const consent: OptionSpec = {
  usage: "--yes",
  about: "also while a kernel driver or a program has the function",
};
const plan: OptionSpec = { usage: "--plan", about: "tell what would be done, and do nothing" };
const output: OptionSpec = {
  usage: "-o, --output <file>",
  about: "write the bytes into this file; - is standard output",
};
const source =
  "PCI address, or a file: what `lspci -xxxx` printed, raw bytes, or JSON of `userpci show`; - is standard input";

/** Commands about configuration space. */
const config: readonly CommandSpec[] = [
  {
    name: "config get",
    section: "poke",
    summary: "read registers of configuration space by name or number",
    arguments: [
      target,
      {
        usage: "<register...>",
        about: "command, pm.control.powerState, or as setpci has it: COMMAND, CAP_PM+4.w, 10.l",
      },
    ],
    options: [...targetOptions, root],
    examples: [
      [
        "config get 00:04.0 command status",
        "each with its fields in words; an ordinary user reads the first 64 bytes",
      ],
      ["config get 01:00.0 pcie.linkStatus", "as root"],
      ["config get --model nvme msix.control", "of an emulated device"],
    ],
    load: () => import("../commands/config/get.ts"),
  },
  {
    name: "config set",
    section: "poke",
    summary:
      "write registers or single fields of configuration space; what was there is noted, and comes back with --undo",
    arguments: [
      target,
      {
        usage: "<register=value...>",
        about:
          "command.busMaster=1, pm.control.powerState=D3hot, or as setpci has it: COMMAND=4:4 (value:mask); hexadecimal",
        unless: "undo",
      },
    ],
    options: [
      { usage: "--undo", about: "take the last writes back, once for each `config set`" },
      plan,
      consent,
      ...targetOptions,
    ],
    examples: [
      ["config set 00:04.0 command.memory=1", "as root; pending status bits are left alone"],
      ["config set 00:04.0 --undo", "what was there before"],
      ["config set 00:04.0 COMMAND=0:4 --plan", "what would be written, and over what"],
    ],
    load: () => import("../commands/config/set.ts"),
  },
  {
    name: "config diff",
    section: "poke",
    summary: "compare two configuration spaces by field; exit status 1 if they differ, 2 if it failed",
    arguments: [
      { usage: "<before>", about: source },
      { usage: "<after>", about: "the same", replacedBy: ["model", "socket"] },
    ],
    options: [...targetOptions, root],
    examples: [
      ["config diff 01:00.0 02:00.0", "two functions; as root, all of both"],
      ["config diff before.txt 01:00.0", "since `lspci -xxxx -s 01:00.0 >before.txt`"],
    ],
    answers: true,
    load: () => import("../commands/config/diff.ts"),
  },
  {
    name: "config check",
    section: "poke",
    summary:
      "look for what is wrong or odd in a configuration space; exit status 1 if something is wrong, 2 if it failed",
    arguments: [{ usage: "<source>", about: source, replacedBy: ["model", "socket"] }],
    options: [...targetOptions, root],
    examples: [
      ["config check 01:00.0", "capability lists, BARs, reserved bits; as root, with the extended ones"],
      ["config check --model ./model.js", "of a device model that you write"],
    ],
    answers: true,
    load: () => import("../commands/config/check.ts"),
  },
  {
    name: "config explain",
    section: "poke",
    summary: "tell who owns bytes, and what becomes of a write when user space has the device",
    arguments: [
      target,
      { usage: "[register...]", about: "as for config get; without, the map of all owners" },
    ],
    options: [
      {
        usage: "--profile <name>",
        about: "linux (today's vfio-pci, default) or vfio2010 (the first proposal)",
        words: ["linux", "vfio2010"],
      },
      ...targetOptions,
      root,
    ],
    examples: [
      ["config explain 00:04.0", "who owns which bytes"],
      ["config explain 00:04.0 command msi.control", "bit by bit: virtual, writable, and why"],
    ],
    load: () => import("../commands/config/explain.ts"),
  },
];

/** Commands about BARs. */
const mem: readonly CommandSpec[] = [
  {
    name: "mem read",
    section: "poke",
    summary: "read registers of a BAR, one access each",
    arguments: [target, bar, place, { usage: "[count]", about: "how many in a row (default: 1)" }],
    options: [width, ...targetOptions],
    examples: [
      ["mem read 00:04.0 0 0x0", "over VFIO where the function is bound to it, else through sysfs as root"],
      ["mem read --model edu 0 IDENTIFICATION", "by name, of an emulated edu"],
      ["mem read 01:00.0 0 0x0 2 --width 64", "two registers of 64 bits"],
    ],
    load: () => import("../commands/mem/read.ts"),
  },
  {
    name: "mem write",
    section: "poke",
    summary: "write registers of a BAR, one access each",
    arguments: [
      target,
      bar,
      place,
      { usage: "<value...>", about: "values for registers in a row: 0x1f or 31" },
    ],
    options: [
      width,
      { usage: "--read-back", about: "read each register after all are written" },
      consent,
      ...targetOptions,
    ],
    examples: [
      ["mem write 00:04.0 0 LIVENESS 0x1234 --read-back", "edu answers with the inverse"],
      ["mem write 01:00.0 0 0x14 0 --yes", "beside the driver that has it, at your own risk"],
    ],
    load: () => import("../commands/mem/write.ts"),
  },
  {
    name: "mem dump",
    section: "poke",
    summary: "print or save a part of a BAR; reading may do something in a device",
    arguments: [
      target,
      bar,
      { ...place, usage: "[offset]" },
      { usage: "[length]", about: "bytes (default: 256 printed, or all that follows with --output)" },
    ],
    options: [output, width, ...targetOptions],
    examples: [
      ["mem dump 00:04.0 0 0x0 0x40", "in hexadecimal"],
      ["mem dump 01:00.0 0 --output bar0.bin", "all of it, 32 bits an access"],
    ],
    load: () => import("../commands/mem/dump.ts"),
  },
];

/** Commands that reach into a function: configuration space, BARs, reset. */
export const poking: readonly CommandSpec[] = [
  ...config,
  ...mem,
  {
    name: "rom",
    section: "poke",
    summary: "read the expansion ROM, and tell what images it has",
    arguments: [target],
    options: [output, ...targetOptions],
    examples: [
      ["rom 02:00.0", "as root, or as who may open the function"],
      ["rom 02:00.0 --output card.rom", "for QEMU's romfile="],
    ],
    load: () => import("../commands/rom.ts"),
  },
  {
    name: "reset",
    section: "poke",
    summary: "reset a function, or all functions below its port",
    arguments: [target],
    options: [
      { usage: "--method <name>", about: "only by this one of the kernel's methods, such as flr" },
      { usage: "--bus", about: "the whole bus or slot, by VFIO; every function on it must be this user's" },
      plan,
      consent,
      ...targetOptions,
    ],
    examples: [
      ["reset 01:00.0 --plan", "which methods there are, and who else is on the bus"],
      ["reset 01:00.0", "over VFIO where the function is bound to it, else by the kernel, as root"],
      ["reset 01:00.0 --method flr --yes", "while its driver has it: the driver is told"],
    ],
    load: () => import("../commands/reset.ts"),
  },
  {
    name: "irq watch",
    section: "poke",
    summary: "enable a function's interrupts, and print each as it comes",
    arguments: [target],
    options: [
      {
        usage: "--kind <kind>",
        about: "msix, msi or intx (default: the first that it has)",
        words: ["msix", "msi", "intx"],
      },
      { usage: "--vectors <count>", about: "how many vectors (default: all)" },
      { usage: "--count <events>", about: "end after so many events" },
      {
        usage: "--seconds <seconds>",
        about: "end after so long; with --count, exit status 1 if they did not come",
      },
      {
        usage: "--trigger",
        about: "fire every vector once, without the device: is the way to this program sound?",
      },
      {
        usage: "--write <bar:offset=value>",
        about: "write a register once the vectors are enabled",
        repeats: true,
      },
      {
        usage: "--ack <bar:offset=value>",
        about: "write a register at each event, as INTx needs",
        repeats: true,
      },
      ...targetOptions,
    ],
    examples: [
      ["irq watch 01:00.0 --trigger --count 1", "does an interrupt reach this program?"],
      [
        "irq watch 00:04.0 --write 0:INTERRUPT_RAISE=1 --ack 0:INTERRUPT_ACKNOWLEDGE=1 --count 1",
        "edu interrupts, and is acknowledged",
      ],
      ["irq watch 01:00.0 --jsonl", "a line of JSON for each"],
    ],
    load: () => import("../commands/irq/watch.ts"),
  },
  {
    name: "dma test",
    section: "poke",
    summary: "let a device move memory, and check every byte of it and of the memory beside it (edu, nvme)",
    arguments: [target],
    options: [{ usage: "--rounds <count>", about: "how often (default: 16)" }, consent, ...targetOptions],
    examples: [
      ["dma test 00:04.0", "edu copies random bytes in and out"],
      [
        "dma test 01:00.0",
        "an NVMe controller is reset, and describes itself into memory; its disk is not touched",
      ],
      ["dma test --model nvme --json", "of an emulated one"],
    ],
    load: () => import("../commands/dma/test.ts"),
  },
];
