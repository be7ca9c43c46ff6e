import type { CommandSpec, OptionSpec } from "../command.ts";
import { address, root, timeout } from "./common.ts";

/** How many there may be, the function itself tells. */
async function checkCount(text: string): Promise<void> {
  if (/^[1-9]\d{0,4}$/.test(text)) return;
  const { PciError } = await import("@userpci/interface");
  throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is no number of virtual functions`, {
    hint: "give a whole number above 0, such as 2; userpci vf destroy takes them all away",
  });
}

/** Looks only. */
const plan: OptionSpec = {
  usage: "--plan",
  about: "print what would be done, and what the machine would lose; change nothing",
};

/** For plans: what changes a machine changes this one. */
const planRoot: OptionSpec = { ...root, about: `with --plan: ${root.about}` };

/** Commands that say whose a function is. */
export const binding: readonly CommandSpec[] = [
  {
    name: "bind",
    section: "bind",
    summary: "bind a function to vfio-pci, and open its nodes up to a user",
    arguments: [address],
    options: [
      { usage: "--user <name>", about: "user name or number that may open the function" },
      {
        usage: "--group",
        about: "bind the whole IOMMU group: all that keeps user space out of it, or nothing",
      },
      {
        usage: "--force",
        about: "also a function that this machine uses: a mounted disk, a route, the console",
      },
      plan,
      timeout,
      planRoot,
    ],
    examples: [
      ["bind 00:04.0 --user alice", "as root; from then on alice needs no rights"],
      ["bind 01:00.0 --group --plan", "each step, and what would stop working"],
    ],
    load: () => import("../commands/bind.ts"),
  },
  {
    name: "unbind",
    section: "bind",
    summary: "give a function back to the driver it had before bind",
    arguments: [address],
    options: [plan, timeout, planRoot],
    examples: [["unbind 00:04.0", "as root; a program that has it open is asked to let go"]],
    load: () => import("../commands/unbind.ts"),
  },
  {
    name: "restore",
    section: "bind",
    summary: "put right what a bind or unbind has left that was killed, or give everything back",
    arguments: [
      { ...address, usage: "[address]", about: `${address.about}; default: all that was cut short` },
    ],
    options: [
      { usage: "--all", about: "everything that userpci has bound, also what was not cut short" },
      plan,
      timeout,
      planRoot,
    ],
    examples: [
      ["restore", "as root; what is bound completely stays bound"],
      ["restore --all --plan", "what would go back, and to which driver"],
    ],
    load: () => import("../commands/restore.ts"),
  },
  {
    name: "vf create",
    section: "bind",
    summary: "give a card with SR-IOV so many virtual functions, in place of those that it has",
    arguments: [address, { usage: "<count>", about: "how many: 1 or more", check: checkCount }],
    options: [timeout],
    examples: [["vf create 01:00.0 2", "as root; prints the addresses of both"]],
    load: () => import("../commands/vf/create.ts"),
  },
  {
    name: "vf destroy",
    section: "bind",
    summary: "take all virtual functions of a card away",
    arguments: [address],
    options: [timeout],
    examples: [["vf destroy 01:00.0", "as root; a program that has one open is asked to let go"]],
    load: () => import("../commands/vf/destroy.ts"),
  },
];
