import { makeSnapshot, type Snapshot, writeSnapshot } from "@userpci/sysfs/snapshot";
import { type CommandCall, type Report, treeOf } from "../command.ts";
import { sizeText } from "../function-view.ts";
import { isStandardOutput } from "../standard-output.ts";
import type { Style } from "../style.ts";

/** Files that are named, of those that could not be read. */
const NAMED = 3;

/** `userpci snapshot`. */
export async function run(call: CommandCall): Promise<Report> {
  const file = call.arguments[0]!;
  const options = { ...treeOf(call), redact: call.options["redact"] === true };
  if (!isStandardOutput(call, file, "the archive")) {
    return reportOf(file, await writeSnapshot(file, options));
  }
  const snapshot = await makeSnapshot(options);
  call.terminal.write(snapshot.bytes);
  return { json: {}, text: () => [] };
}

function reportOf(file: string, { bytes, entries, manifest }: Snapshot): Report {
  const { kernel, uid, redacted, nodes, unreadable, truncated } = manifest;
  return {
    json: { file, bytes: bytes.length, entries, kernel, uid, redacted, nodes, unreadable, truncated },
    text: (style) => [
      `${style.bold(file)}  ${sizeText(Math.ceil(bytes.length / 1024) * 1024)}, ${entries} files, kernel ${kernel ?? "unknown"}`,
      secretText(redacted, style),
      ...unreadableText(unreadable, file, redacted, style),
      ...truncated.map((path) => style.yellow(`only the beginning of ${path} is in it`)),
      style.dim(`userpci list --root ${file}`),
    ],
  };
}

function secretText(redacted: boolean, style: Style): string {
  return redacted
    ? "without MAC and IP addresses, UUIDs, host names and serial numbers of cards"
    : style.yellow("with MAC and IP addresses, UUIDs and serial numbers of cards: --redact leaves them out");
}

function unreadableText(
  unreadable: readonly string[],
  file: string,
  redacted: boolean,
  style: Style,
): string[] {
  if (unreadable.length === 0) return [];
  const more = unreadable.length > NAMED ? `, … (${unreadable.length} files)` : "";
  return [
    style.yellow(`this user may not read ${unreadable.slice(0, NAMED).join(", ")}${more}`),
    `  for those: sudo userpci snapshot -${redacted ? " --redact" : ""} > ${file}`,
  ];
}
