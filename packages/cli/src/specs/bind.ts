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
      { usage: "--persist", about: "at every boot too, and for the user: by rules of udev" },
      plan,
      timeout,
      planRoot,
    ],
    examples: [
      ["bind 00:04.0 --user alice", "as root; from then on alice needs no rights"],
      ["bind 01:00.0 --group --plan", "each step, and what would stop working"],
      ["bind 01:00.0 --persist", "also after each boot, before its own driver has it"],
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
      { usage: "--persistent", about: "for good: also what bind --persist and permit have written" },
      plan,
      timeout,
      planRoot,
    ],
    examples: [
      ["restore", "as root; what is bound completely stays bound"],
      ["restore --all --plan", "what would go back, and to which driver"],
      ["restore 01:00.0 --persistent", "its own driver has it again, now and after each boot"],
    ],
    load: () => import("../commands/restore.ts"),
  },
  {
    name: "permit",
    section: "bind",
    summary: "open a function up to a user or a group for good: at every boot, with a limit of pinned memory",
    arguments: [address],
    options: [
      { usage: "--user <name>", about: "user name or number that may open the function" },
      { usage: "--group <name>", about: "in its place: group name or number whose members may" },
      {
        usage: "--memlock <size>",
        about: "memory that a process may pin: 512M, 8G, unlimited (default: 1G)",
      },
      { usage: "--service <unit>", about: "service of systemd that is to have the limit too" },
      { usage: "--cdi", about: "also a device for containers: userpci/function=ADDRESS" },
      { usage: "--remove", about: "take the permission back" },
      { usage: "--plan", about: "print what would be done, and do nothing" },
      {
        usage: "--print <kind>",
        about: "only print: udev, modprobe, initramfs, limits, systemd, oci or cdi",
        words: ["udev", "modprobe", "initramfs", "limits", "systemd", "oci", "cdi"],
      },
      root,
    ],
    examples: [
      ["permit 01:00.0 --user alice --memlock 8G", "as root; alice may use it whenever it is bound"],
      ["permit 01:00.0 --group vfio --plan", "the files, with what is in them"],
      ["permit 01:00.0 --user alice --print oci", "what a container's config.json needs"],
      ["permit 01:00.0 --remove", "as root"],
    ],
    load: () => import("../commands/permit.ts"),
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
