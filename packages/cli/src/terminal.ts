import { createStyle, type Style } from "./style.ts";

/** Where a command's output goes. */
export interface Terminal {
  /** Results: standard output. */
  write(text: string): void;
  /** Progress and errors: standard error. */
  note(text: string): void;
  /** For results. */
  readonly style: Style;
  /** For progress and errors. */
  readonly noteStyle: Style;
  /** Whether a line of progress can be written over. */
  readonly interactive: boolean;
  /** Columns of the terminal that results go to; undefined where it is none. */
  readonly columns: number | undefined;
  /** The same for progress and errors. */
  readonly noteColumns: number | undefined;
}

/** The terminal of this process: colours only where the stream is one, and `NO_COLOR` is honoured. */
export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  return {
    write: (text) => void stdout.write(text),
    note: (text) => void stderr.write(text),
    style: createStyle(wantsColours(stdout)),
    noteStyle: createStyle(wantsColours(stderr)),
    columns: stdout.isTTY ? stdout.columns : undefined,
    noteColumns: stderr.isTTY ? stderr.columns : undefined,
    interactive: stderr.isTTY && process.env["TERM"] !== "dumb",
  };
}

// Knows NO_COLOR, FORCE_COLOR, TERM and the like.
function wantsColours(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY && stream.hasColors();
}
