/** A command of a session, and what it is to print. */
export interface Step {
  /** As a user types it. */
  readonly command: string;
  /** Lines that it prints, on whichever stream; `…` stands for anything in a line, and alone for any lines. */
  readonly expected: readonly string[];
}

/** Stands for what differs between machines or runs. */
const ANYTHING = "…";

/**
 * The session that a text in Markdown shows: the lines after `$ ` of its `console` blocks, each with what it prints.
 *
 * @param heading the section to take, such as `## Your own device`
 */
export function readSession(markdown: string, heading: string): readonly Step[] {
  const [, section = ""] = markdown.split(`\n${heading}\n`);
  const [own] = section.split(/\n## /);
  const blocks = [...own!.matchAll(/^```console\n(.*?)^```$/gms)].map(([, block]) => block!);
  return blocks.flatMap(stepsOf);
}

function stepsOf(block: string): Step[] {
  const [before, ...parts] = `\n${block}`.split(/\n\$ /);
  if (before !== "") throw new Error(`a block begins with output: ${before}`);
  return parts.map((part) => {
    const [line, ...expected] = part.trimEnd().split("\n");
    return { command: line!.replace(/\s+#\s.*$/, ""), expected };
  });
}

/** What a printed text has else than was expected; undefined if nothing. Blanks at the ends of lines do not count. */
export function difference(expected: readonly string[], printed: string): string | undefined {
  const body = expected
    .map((line) => (line.trim() === ANYTHING ? "(?:.*\\n)*?" : `${lineOf(line)} *\\n`))
    .join("");
  const text = printed === "" || printed.endsWith("\n") ? printed : `${printed}\n`;
  if (new RegExp(`^${body}$`).test(text)) return undefined;
  return `expected:\n${expected.join("\n")}\nprinted:\n${printed}`;
}

function lineOf(line: string): string {
  return line
    .trimEnd()
    .split(ANYTHING)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join(".*");
}
