import { Output } from "./output.ts";
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
  /** Whether nobody reads results any more, as with `| head`: a command that would go on for ever ends then. Default false. */
  readonly unread?: boolean;
  /** Takes the exit status for results that get lost, of a command that answers with 1. */
  failWith?(status: number): void;
}

/**
 * The terminal of this process: colours only where the stream is one, and `NO_COLOR` is honoured. Nothing is looked at
 * before it is asked for: opening a stream takes Node longer than many a command.
 *
 * @param onLoss told of results that could not be written. Where messages cannot be, there is nowhere left to say it.
 * Default: what no reader has gone away from is thrown as an uncaught exception, as by a stream that nobody listens to
 */
export function processTerminal(onLoss: (error: NodeJS.ErrnoException) => void = throwLoss): Terminal {
  let unread = false;
  const results = new Output(1, (error) => {
    unread ||= error.code === "EPIPE";
    onLoss(error);
  });
  const notes = new Output(2, () => undefined);
  return {
    write: (text) => results.write(text),
    note: (text) => notes.write(text),
    get style() {
      return createStyle(wantsColours(results));
    },
    get noteStyle() {
      return createStyle(wantsColours(notes));
    },
    get columns() {
      return columnsOf(results);
    },
    get noteColumns() {
      return columnsOf(notes);
    },
    get unread() {
      return unread;
    },
    get interactive() {
      return notes.mayBeTerminal && notes.stream.isTTY && process.env["TERM"] !== "dumb";
    },
  };
}

// Knows NO_COLOR, FORCE_COLOR, TERM and the like.
function wantsColours(output: Output): boolean {
  return output.mayBeTerminal && output.stream.isTTY && output.stream.hasColors(colourVariables());
}

/** An empty NO_COLOR says nothing (no-color.org); Node goes by its being there. */
function colourVariables(): NodeJS.ProcessEnv {
  const { NO_COLOR, ...others } = process.env;
  return NO_COLOR ? process.env : others;
}

function columnsOf(output: Output): number | undefined {
  return output.mayBeTerminal && output.stream.isTTY ? output.stream.columns : undefined;
}

function throwLoss(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") return;
  setImmediate(() => {
    throw error;
  });
}
