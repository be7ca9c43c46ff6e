import type { CommandSpec, OptionSpec } from "./command.ts";
import { sections } from "./command.ts";
import { commands, families } from "./commands.ts";
import { dropIns } from "./drop-in.ts";
import { exitStatus } from "./exit-status.ts";
import { forms } from "./specs/common.ts";

/** What makes a man page of one day that of another. */
export interface ManPageOptions {
  /** Of the package. */
  readonly version: string;
  /** As `2026-11-21`. */
  readonly date: string;
  readonly specs?: readonly CommandSpec[];
}

/** Longest line of source that mandoc takes without a remark. */
const LINE = 66;

const statuses: Readonly<Record<keyof typeof exitStatus, string>> = {
  done: "what was asked for is done, or holds",
  failed: "it failed or does not hold; what was printed says why",
  usage:
    "the command line is wrong, or a value on it means nothing; of config check, config diff and doctor also: it failed, as 1 is an answer of theirs",
};

const variables: readonly (readonly [name: string, about: string])[] = [
  ["NO_COLOR", "if it is not empty, no colours, also on a terminal"],
  [
    "USERPCI_BACKEND",
    "how programs reach a device that they open without saying it: vfio-cdev, vfio-group or vfio-user",
  ],
  [
    "USERPCI_TRACE",
    "a directory where programs that open devices by openDevice leave recordings of what they do",
  ],
  ["USERPCI_REPLAY", "a recording that such programs get in place of devices"],
  ["USERPCI_CACHE", "where the parts of virtual machines are kept; else ~/.cache/userpci"],
  ["XDG_CACHE_HOME", "the directory in place of ~/.cache"],
  ["NODE_DISABLE_COMPILE_CACHE", "1: compiled code is neither used nor kept"],
];

const seeAlso = [
  "lspci(8)",
  "setpci(8)",
  "driverctl(8)",
  "vfio (Documentation/driver-api/vfio.rst of the kernel)",
];

/** The man page, userpci(1), in the macros of man(7). */
export function manPage({ version, date, specs = commands }: ManPageOptions): string {
  const lines = [
    '.\\" Made of the specs of the commands by packages/cli/scripts/man.mjs',
    `.TH USERPCI 1 ${date} "userpci ${version}" "User Commands"`,
    ".SH NAME",
    "userpci \\- find PCI devices, give them to user space, look into them",
    ".SH SYNOPSIS",
    ".B userpci",
    "\\fIcommand\\fR [\\fIargument\\fR...] [\\fIoption\\fR...]",
    ".SH DESCRIPTION",
    ...text(
      "Own PCI devices from user space, on the kernel's VFIO: see what is there and who has it, bind functions to vfio-pci and back, read and write their registers, watch them, and write drivers and models of devices. " +
        "No command needs root but those that write sysfs or a device node; these say which file, and why.",
    ),
    ".SH COMMANDS",
    ...(Object.keys(sections) as (keyof typeof sections)[]).flatMap((name) => sectionLines(name, specs)),
    ".SH OPTIONS OF EVERY COMMAND",
    ...[...forms, { usage: "-h, --help", about: "print help, also of a command" }].flatMap(optionLines),
    ".SH EXIT STATUS",
    ...Object.entries(exitStatus).flatMap(([name, status]) =>
      item(`.B ${status}`, statuses[name as keyof typeof exitStatus]),
    ),
    ".SH ENVIRONMENT",
    ...variables.flatMap(([name, about]) => item(`.B ${name}`, about)),
    ".SH SEE ALSO",
    ...text(`${seeAlso.join(", ")}.`),
  ];
  return `${lines.join("\n")}\n`;
}

function sectionLines(name: keyof typeof sections, specs: readonly CommandSpec[]): string[] {
  const own = specs.filter(({ section }) => section === name);
  const standIns = name === "standIns" ? dropIns : [];
  if (own.length + standIns.length === 0) return [];
  const [first, second] = [
    own.filter((spec) => !spec.name.includes(" ")),
    own.filter((spec) => spec.name.includes(" ")),
  ];
  return [
    `.SS ${escaped(sections[name].replace(":", ""))}`,
    ...first.flatMap(commandLines),
    ...Object.keys(families).flatMap((family) =>
      second.filter((spec) => spec.name.startsWith(`${family} `)).flatMap(commandLines),
    ),
    ...standIns.flatMap(({ name: program, summary }) =>
      item(`.BI ${program} " \\fR[\\fPargument\\fR...]"`, summary),
    ),
  ];
}

function commandLines({ name, arguments: values, summary, options, examples }: CommandSpec): string[] {
  const usage = values.map(({ usage: word }) => ` ${valueText(word)}`).join("");
  return [
    ...item(`\\fB${escaped(name)}\\fR${usage}`, summary),
    ".RS",
    ...values.flatMap(({ usage: word, about }) => item(valueText(word), about)),
    ...options.flatMap(optionLines),
    ...examples.flatMap(([line, about]) => item(`.B userpci ${escaped(line)}`, about)),
    ".RE",
  ];
}

function optionLines({ usage, about }: OptionSpec): string[] {
  const [, spellings = usage, value = ""] = /^([^<[]*?) ?([<[].*)?$/.exec(usage) ?? [];
  const flags = spellings.split(", ").map((flag) => `\\fB${escaped(flag)}\\fR`);
  return item([flags.join(", "), ...(value === "" ? [] : [valueText(value)])].join(" "), about);
}

/** A paragraph under a title. */
function item(title: string, about: string): string[] {
  return [".TP", title, ...text(about)];
}

/** `<address>` as a word that stands for another; brackets stay, as they mean what they mean in man pages. */
function valueText(usage: string): string {
  const inner = `\\fI${escaped(usage.slice(1, -1))}\\fR`;
  return usage.startsWith("[") ? `[${inner}]` : inner;
}

/** Words in lines that are not too long; what is between backquotes is bold. */
function text(words: string): string[] {
  const lines: string[] = [];
  for (const word of words.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < LINE) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  // A command that goes over the end of a line is bold on both.
  let isBold = false;
  return lines.map((line) => {
    const opened = isBold ? "\\fB" : "";
    const marked = escaped(line).replaceAll("`", () => {
      isBold = !isBold;
      return isBold ? "\\fB" : "\\fR";
    });
    const whole = `${opened}${marked}${isBold ? "\\fR" : ""}`;
    return /^[.']/.test(whole) ? `\\&${whole}` : whole;
  });
}

/** A text as itself: no backslash of it means anything, and a hyphen is what options begin with. */
function escaped(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("…", "...")
    .replaceAll("µ", "\\(mc")
    .replaceAll('"', "\\(dq");
}
