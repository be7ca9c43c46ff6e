import type { CommandSpec } from "./command.ts";
import { binding } from "./specs/bind.ts";
import { looking } from "./specs/look.ts";
import { poking } from "./specs/poke.ts";
import { tools } from "./specs/tools.ts";
import { watching } from "./specs/watch.ts";

/** Every command of `userpci`. The code of each is loaded when it runs. */
export const commands: readonly CommandSpec[] = [...looking, ...binding, ...poking, ...watching, ...tools];

/** Families of commands with two words, such as `vf create`, and what they are about. */
export const families: Readonly<Record<string, string>> = {
  vf: "make and take away the virtual functions of a card with SR-IOV",
  config: "read, write, compare and explain configuration space",
  mem: "read and write the BARs of a function",
  irq: "interrupts of a function",
  dma: "direct memory access of a function",
};
