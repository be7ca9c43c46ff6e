import type { Terminal } from "./terminal.ts";

/**
 * A command that stands in for a program of another project: it takes that program's arguments as they are and prints
 * its words, so that eyes and scripts trained on it go on working.
 */
export interface DropIn {
  /** Name of the program, and of the command. */
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** Commands that have in JSON what it prints as text. */
  readonly inJson: string;
  /** Loads the code. Only the command that runs is loaded. */
  readonly load: () => Promise<DropInModule>;
}

/** The code of a drop-in. */
export interface DropInModule {
  /** @returns the exit status that the program would have */
  readonly runDropIn: (argv: readonly string[], terminal: Terminal) => number | Promise<number>;
}

/** The programs that `userpci` stands in for. */
export const dropIns: readonly DropIn[] = [
  {
    name: "lspci",
    summary: "show devices, as lspci does",
    inJson: "userpci list --json, or userpci show ADDRESS --json",
    load: () => import("./lspci/run.ts"),
  },
  {
    name: "setpci",
    summary: "read and write configuration registers, as setpci does",
    inJson: "userpci config get ADDRESS REGISTER --json",
    load: () => import("./setpci/run.ts"),
  },
];
