import { inspect } from "node:util";

/** What {@link Style} can do with a text. */
export type Colour = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

const colours: readonly Colour[] = ["bold", "dim", "red", "green", "yellow", "cyan"];

/** Marks text up for a terminal, or leaves it as it is. */
export type Style = Readonly<Record<Colour, (text: string) => string>>;

/**
 * Makes a style.
 *
 * @param enabled whether the reader is a terminal that wants colours
 */
export function createStyle(enabled: boolean): Style {
  const mark = (name: Colour) => {
    const [on, off] = inspect.colors[name]!;
    return (text: string) => (enabled && text !== "" ? `\x1b[${on}m${text}\x1b[${off}m` : text);
  };
  return Object.fromEntries(colours.map((name) => [name, mark(name)])) as Style;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: this is what colours are made of
const marks = /\x1b\[\d+m/g;

/** How many columns a text takes, without its colours. */
export function widthOf(text: string): number {
  return text.replace(marks, "").length;
}

/** Fills a text, which may have colours, up with spaces to a width. */
export function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

/** Cuts a text without colours down to a width, with an ellipsis where something is lost. */
export function shorten(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
