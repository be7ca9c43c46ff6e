import type { CommandSpec } from "../command.ts";
import { address, root } from "./common.ts";

/** Commands that watch what happens. */
export const watching: readonly CommandSpec[] = [
  {
    name: "monitor",
    section: "watch",
    summary: "tell what happens to functions: hot-plug, drivers, errors, links",
    arguments: [{ ...address, usage: "[address]", about: `${address.about}; default: all` }],
    options: [
      { usage: "--for <seconds>", about: "end after this time; default: by Ctrl-C" },
      { usage: "--interval <seconds>", about: "how often to look at error counters and links (default: 1)" },
      {
        usage: "--subsystems <names>",
        about:
          "whose events, with commas between: default pci,vfio,vfio-dev; all is every device of the system",
      },
    ],
    examples: [
      ["monitor", "then pull a device, or bind one in another terminal; no root needed"],
      ["monitor 01:00.0 --jsonl", "for a program: a line of JSON as soon as something happens"],
    ],
    load: () => import("../commands/monitor.ts"),
  },
  {
    name: "top",
    section: "watch",
    summary: "show what programs do with the devices that they have open, live",
    arguments: [],
    options: [
      { usage: "--once", about: "print once, counts in place of rates, and end" },
      { usage: "--interval <seconds>", about: "time between two looks (default: 1)" },
      {
        usage: "--at <directory>",
        about: "where the sockets are, for programs with USERPCI_TELEMETRY=<directory>",
      },
    ],
    examples: [
      ["top", "programs that run with USERPCI_TELEMETRY=1; q or Ctrl-C ends it"],
      ["top --once --json", "one look, for a program"],
    ],
    load: () => import("../commands/top.ts"),
  },
  {
    name: "holders",
    section: "watch",
    summary: "show which processes have a function open through VFIO",
    arguments: [{ ...address, usage: "[address]", about: `${address.about}; default: all` }],
    options: [root],
    examples: [
      ["holders 00:04.0", "what of this user may be looked at"],
      ["holders", "as root: of all users"],
    ],
    load: () => import("../commands/holders.ts"),
  },
];
