import type { CommandSpec } from "../command.ts";
import { target, targetOptions } from "./common.ts";

/** Commands for those who write drivers and devices. */
export const tools: readonly CommandSpec[] = [
  {
    name: "explain",
    section: "look",
    summary: "tell what an error code means: causes, where to see it, and what mends it",
    arguments: [
      { usage: "[code]", about: "such as ERR_MEMLOCK, memlock, or EBUSY; without it, all of them" },
    ],
    options: [],
    examples: [
      ["explain ERR_GROUP_NOT_VIABLE", "what to do about the code that an error ends with"],
      ["explain EBUSY", "what a system error means here"],
      ["explain --jsonl", "the catalogue, an error a line"],
    ],
    load: () => import("../commands/explain.ts"),
  },
  {
    name: "serve",
    section: "tools",
    summary: "serve a device written in TypeScript to other programs and virtual machines (vfio-user)",
    arguments: [
      {
        usage: "<model>",
        about:
          "edu, nvme, nic (a linked pair), or a module whose default export is a DeviceModel or makes one, such as ./model.js",
        words: ["edu", "nvme", "nic"],
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
      ["serve ./model.js --socket /tmp/mine.sock --jsonl", "what happens as lines of JSON"],
    ],
    load: () => import("../commands/serve.ts"),
  },
  {
    name: "demo",
    section: "tools",
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
      ["demo --jsonl", "a line of JSON for each step, with its inputs, results and duration"],
    ],
    load: () => import("../commands/demo.ts"),
  },
  {
    name: "repl",
    section: "tools",
    summary: "a JavaScript prompt with a device opened: its registers by name, undo for configuration space",
    arguments: [target],
    options: [
      ...targetOptions,
      {
        usage: "-e, --evaluate <source>",
        about: "JavaScript that is evaluated and shown in place of the prompt; may be repeated",
        repeats: true,
      },
    ],
    examples: [
      [
        "repl 00:04.0",
        "then: registers.STATUS, bar0.read32(8), config.command.update({ busMaster: true }), undo()",
      ],
      [
        "repl --model edu -e 'registers.FACTORIAL.write(5); while (registers.STATUS.read());' -e registers.FACTORIAL",
        "with no hardware: 0x78 once it is done",
      ],
    ],
    load: () => import("../commands/repl.ts"),
  },
  {
    name: "trace",
    section: "tools",
    summary: "run a program, and show and record what it does with its devices",
    arguments: [
      { usage: "<command...>", about: "a program that opens devices by openDevice of userpci, unchanged" },
    ],
    options: [
      {
        usage: "-o, --output <file>",
        about: "keep the recording; of several processes or threads, one file each",
      },
    ],
    examples: [
      ["trace -- node driver.js", "each access, call, DMA mapping and interrupt, on standard error"],
      ["trace -o run.trace -- node driver.js", "the same, and a recording for `userpci replay`"],
      [
        "trace --jsonl -- node driver.js",
        "events as lines of JSON; what the program prints is on standard error",
      ],
    ],
    load: () => import("../commands/trace.ts"),
  },
  {
    name: "replay",
    section: "tools",
    summary: "show a recording, or run a program on it in place of its devices",
    arguments: [
      { usage: "<recording>", about: "a file that `userpci trace -o` made" },
      { usage: "[command...]", about: "the program that was recorded: it must do the same again" },
    ],
    options: [],
    examples: [
      ["replay run.trace", "show what was recorded"],
      ["replay run.trace -- node driver.js", "a test with no device: fails at the first call that differs"],
    ],
    load: () => import("../commands/replay.ts"),
  },
  {
    name: "testbed",
    section: "tools",
    summary: "run a command in a virtual machine: a Linux kernel with an IOMMU and the devices that you name",
    arguments: [
      {
        usage: "<command...>",
        about: "sees this machine's files, at the same paths; what it writes is thrown away",
      },
    ],
    options: [
      {
        usage: "--device <name>",
        about: "edu, nvme, igb, e1000e, pci-testdev, or what QEMU's -device takes; may be repeated",
        repeats: true,
        words: ["edu", "nvme", "igb", "e1000e", "pci-testdev"],
      },
      {
        usage: "--kernel <iommufd>",
        about: "Linux with IOMMUFD, compiled when it is first used: 5 to 8 minutes",
      },
      { usage: "--memory <size>", about: "of the machine (default: 2G)" },
      { usage: "--iommu <device>", about: "another IOMMU as QEMU's -device takes it, or none" },
      { usage: "--append <text>", about: "more of the kernel's command line" },
      { usage: "--user <name>", about: "who runs it there: a name or number (default: root)" },
      { usage: "--memlock <bytes>", about: "its limit of locked memory, or unlimited" },
      { usage: "--timeout <seconds>", about: "ends it after that; 0 for no limit (default: 300)" },
    ],
    examples: [
      ["testbed --device edu -- userpci list", "fetches QEMU and a kernel once, then takes seconds"],
      [
        "testbed --device edu --user 65534 --json -- id",
        "with what it printed, and the DMA that the IOMMU stopped",
      ],
    ],
    load: () => import("../commands/testbed.ts"),
  },
  {
    name: "completion",
    section: "tools",
    summary: "print the script that lets a shell complete commands, options and addresses",
    arguments: [{ usage: "<shell>", about: "bash, zsh or fish", words: ["bash", "zsh", "fish"] }],
    options: [],
    examples: [
      ["completion bash >> ~/.bash_completion", "bash, from the next shell on"],
      ["completion zsh > /usr/local/share/zsh/site-functions/_userpci", "zsh, as root: for every user"],
      ["completion fish > ~/.config/fish/completions/userpci.fish", "fish"],
    ],
    load: () => import("../commands/completion.ts"),
  },
];
