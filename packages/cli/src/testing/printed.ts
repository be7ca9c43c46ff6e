import { run } from "../run.ts";
import { createStyle } from "../style.ts";

/** Runs a command line in this process, without a terminal: its exit status, results and notes. */
export async function printed(
  ...argv: string[]
): Promise<{ readonly status: number; readonly out: string; readonly notes: string }> {
  let out = "";
  let notes = "";
  const style = createStyle(false);
  const status = await run(argv, {
    write: (text) => {
      out += text;
    },
    note: (text) => {
      notes += text;
    },
    style,
    noteStyle: style,
    interactive: false,
    columns: undefined,
    noteColumns: undefined,
  });
  return { status, out, notes };
}
