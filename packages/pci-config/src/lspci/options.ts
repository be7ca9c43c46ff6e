import type { PciIds } from "../ids.ts";

/** How much is said: 0 a line, 1 as `-v`, 2 as `-vv`, 3 as `-vvv`. */
export type Verbosity = 0 | 1 | 2 | 3;

/** How ids are shown: names, numbers (`-n`), or both (`-nn`). */
export type IdStyle = "names" | "numbers" | "both";

/** What of lspci's options the text of a device depends on. */
export interface LspciOptions {
  readonly verbosity: Verbosity;
  readonly idStyle: IdStyle;
  /** The names; those that it lacks print as lspci prints them without a database. */
  readonly ids: PciIds;
  /** For programs, `-m` and `-mm`: 1 and 2. */
  readonly machine: 0 | 1 | 2;
  /** As many `x` as on the command line: 0 to 4. */
  readonly hexLevel: 0 | 1 | 2 | 3 | 4;
  /** `-D`: show domains though all are 0. */
  readonly showDomains: boolean;
  /** `-k`: show drivers and modules; `-v` implies it. */
  readonly showKernel: boolean;
  /** `-b`: addresses and interrupts as the bus sees them. */
  readonly busCentric: boolean;
  /** `-P` and `-PP`: 1 and 2. */
  readonly pathLevel: 0 | 1 | 2;
}
