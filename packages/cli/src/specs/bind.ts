import type { CommandSpec } from "../command.ts";
import { address, timeout } from "./common.ts";

/** How many there may be, the function itself tells. */
async function checkCount(text: string): Promise<void> {
  if (/^\d{1,5}$/.test(text)) return;
  const { PciError } = await import("@userpci/interface");
  throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is no number of virtual functions`, {
    hint: "give a whole number, such as 2, or 0 for none",
  });
}

/** Commands that say whose a function is. */
export const binding: readonly CommandSpec[] = [
  {
    name: "bind",
    section: "bind",
    summary: "bind a function to vfio-pci, and open its nodes up to a user",
    arguments: [address],
    options: [{ usage: "--user <name>", about: "user name or number that may open the function" }, timeout],
    examples: [["bind 00:04.0 --user alice", "as root; from then on alice needs no rights"]],
    load: () => import("../commands/bind.ts"),
  },
  {
    name: "unbind",
    section: "bind",
    summary: "give a function back to the driver it had before bind",
    arguments: [address],
    options: [timeout],
    examples: [["unbind 00:04.0", "as root; a program that has it open is asked to let go"]],
    load: () => import("../commands/unbind.ts"),
  },
  {
    name: "sriov",
    section: "bind",
    summary: "give a card with SR-IOV so many virtual functions, in place of those that it has",
    arguments: [address, { usage: "<count>", about: "how many: 0 takes them all away", check: checkCount }],
    options: [timeout],
    examples: [
      ["sriov 01:00.0 2", "as root; prints the addresses of both"],
      ["sriov 01:00.0 0", "a program that has one open is asked to let go"],
    ],
    load: () => import("../commands/sriov.ts"),
  },
];
