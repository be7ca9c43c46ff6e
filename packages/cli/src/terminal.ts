import { createStyle, type Style } from "./style.ts";

/** Where a command's output goes. */
export interface Terminal {
  /** Results: standard output. Bytes are written as they are. */
  write(text: string | Uint8Array): void;
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

/**
 * The terminal of this process: colours only where the stream is one, and `NO_COLOR` is honoured. Nothing is looked at
 * before it is asked for: opening a stream takes Node longer than many a command.
 */
export function processTerminal(): Terminal {
  return {
    write: (text) => void process.stdout.write(text),
    note: (text) => void process.stderr.write(text),
    get style() {
      return createStyle(wantsColours(process.stdout));
    },
    get noteStyle() {
      return createStyle(wantsColours(process.stderr));
    },
    get columns() {
      return process.stdout.isTTY ? process.stdout.columns : undefined;
    },
    get noteColumns() {
      return process.stderr.isTTY ? process.stderr.columns : undefined;
    },
    get interactive() {
      return process.stderr.isTTY && process.env["TERM"] !== "dumb";
    },
  };
}

// Knows NO_COLOR, FORCE_COLOR, TERM and the like.
function wantsColours(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY && stream.hasColors();
}
