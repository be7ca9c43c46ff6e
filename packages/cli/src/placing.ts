import type { ArgumentSpec, OptionValues } from "./command.ts";

/** What was given in the place of an argument. */
export type Given = string | readonly string[] | undefined;

/** The option that stands in an argument's place. */
const replacement = ({ replacedBy = [] }: ArgumentSpec, options: OptionValues): string | undefined =>
  replacedBy.find((name) => options[name] !== undefined);

const isReplaced = (spec: ArgumentSpec, options: OptionValues): boolean =>
  replacement(spec, options) !== undefined;

/** A PCI address as people write it; no register, offset or value has a colon. Not `PciAddress`: that is of sysfs, which not every start loads. */
const address = /^([\da-f]{4,8}:)?[\da-f]{2}:[\da-f]{2}\.[0-7]$/i;

/** Whether words move up when an option stands in an argument's place; only this module then knows what is missing. */
export const isShifting = (specs: readonly ArgumentSpec[]): boolean =>
  specs.some(({ replacedBy }) => replacedBy !== undefined);

/** How an argument is told to a parser that is not to look whether it is there. */
export const optional = (usage: string): string => usage.replace(/^<(.*)>$/, "[$1]");

/**
 * Gives each argument its words, of which those after one that an option replaces move up.
 *
 * @param given in the order of the words
 * @returns the words by argument, or what is wrong with them
 */
export function placeWords(
  specs: readonly ArgumentSpec[],
  given: readonly Given[],
  options: OptionValues,
): readonly Given[] | string {
  const words = given.flatMap((value) => value ?? []);
  const option = specs[0]?.usage === "<address>" ? replacement(specs[0], options) : undefined;
  if (option !== undefined && address.test(words[0] ?? ""))
    return `${words[0]} and --${option} name two devices`;
  const lists = specs.map(({ usage }) => usage.includes("..."));
  const placed = specs.map((spec, at): Given => {
    if (isReplaced(spec, options)) return undefined;
    return lists[at] ? words.splice(0) : words.shift();
  });
  if (words.length > 0) return `too many arguments: ${words.join(" ")}`;
  const missing = specs.findIndex((spec, at) => isMissing(spec, placed[at], options));
  return missing < 0 ? placed : `missing required argument '${specs[missing]!.usage.slice(1, -1)}'`;
}

function isMissing(spec: ArgumentSpec, value: Given, options: OptionValues): boolean {
  if (typeof value === "string" || (value?.length ?? 0) > 0) return false;
  if (isReplaced(spec, options)) return false;
  const { usage, unless } = spec;
  return unless === undefined ? usage.startsWith("<") : options[unless] === undefined;
}
