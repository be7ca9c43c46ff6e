import { readFileSync } from "node:fs";

/** A capability as lspci printed it. */
export interface PrintedCapability {
  /** Offset as printed, such as `40`, or with the version of an extended one, `100 v2`. */
  readonly place: string;
  /** First line, behind the place. */
  readonly head: string;
  /** The other lines, joined by label: `LnkCap` → `Port #0, Speed 5GT/s, …`; `SltSta/Changed` for a part of one. */
  readonly lines: ReadonlyMap<string, string>;
}

/** A device as `lspci -n -vvv` printed it. */
export interface PrintedDevice {
  readonly head: string;
  readonly lines: ReadonlyMap<string, string>;
  readonly capabilities: readonly PrintedCapability[];
}

/** Devices of a fixture: bytes, and what lspci says of them. */
export function readCaptures(
  name: string,
): ReadonlyMap<string, { bytes: Uint8Array; printed: PrintedDevice }> {
  const read = (file: string) => readFileSync(new URL(`../../fixtures/${file}`, import.meta.url), "utf8");
  const printed = parsePrinted(read(`${name}.lspci.txt`));
  const captures = new Map<string, { bytes: Uint8Array; printed: PrintedDevice }>();
  for (const block of read(`${name}.txt`).trim().split("\n\n")) {
    const address = block.slice(0, block.indexOf(" "));
    const device = printed.get(address);
    if (!device) throw new Error(`${address} is not in ${name}.lspci.txt`);
    captures.set(address, { bytes: parseBytes(block), printed: device });
  }
  return captures;
}

/** The bytes of one device's hexadecimal rows; rows that are left out are zeros. */
function parseBytes(block: string): Uint8Array {
  const bytes: number[] = [];
  for (const [, offset = "", row = ""] of block.matchAll(/^([0-9a-f]{2,3}): ([0-9a-f ]+)$/gm)) {
    for (const [index, byte] of row.split(" ").entries()) {
      bytes[Number.parseInt(offset, 16) + index] = Number.parseInt(byte, 16);
    }
  }
  return Uint8Array.from(bytes);
}

function parsePrinted(text: string): Map<string, PrintedDevice> {
  const devices = new Map<string, PrintedDevice>();
  for (const block of text.trim().split("\n\n")) {
    const [head = "", ...rows] = block.split("\n");
    const starts = rows.flatMap((row, index) => (row.startsWith("\tCapabilities: ") ? [index] : []));
    devices.set(head.slice(0, head.indexOf(" ")), {
      head,
      lines: joinLines(rows.slice(0, starts[0]), 1),
      capabilities: starts.map((start, index) => parseCapability(rows.slice(start, starts[index + 1]))),
    });
  }
  return devices;
}

function parseCapability([first = "", ...rows]: readonly string[]): PrintedCapability {
  const [, place = "", head = ""] = /^\tCapabilities: \[([^\]]+)\] (.*)$/.exec(first) ?? [];
  return { place, head, lines: joinLines(rows, 2) };
}

/** Joins lines that go on to the label they belong to; `depth` tabs begin a label. */
function joinLines(rows: readonly string[], depth: number): Map<string, string> {
  const lines = new Map<string, string>();
  let label = "";
  for (const row of rows) {
    const tabs = /^\t*/.exec(row)![0].length;
    const parts = /^([A-Z][\w ]*?):\s*(.*)$/.exec(row.trim()) ?? /^(Expansion ROM) (.*)$/.exec(row.trim());
    if (tabs === depth && parts) label = parts[1]!;
    const part = tabs > depth && parts && isPart(parts[1]!) ? `${label}/${parts[1]}` : label;
    // A part on its label's own line, as in "SltSta: Status: AttnBtn-".
    const nested = /^(Enable|Status): (.*)$/.exec(tabs === depth ? (parts?.[2] ?? "") : "");
    const key = nested ? `${label}/${nested[1]}` : part;
    const text = nested?.[2] ?? (tabs === depth || part !== label ? (parts?.[2] ?? row.trim()) : row.trim());
    lines.set(key, [lines.get(key), text].filter(Boolean).join(" "));
  }
  return lines;
}

const isPart = (label: string): boolean =>
  ["Control", "Changed", "AtomicOpsCap", "AtomicOpsCtl"].includes(label);

/** The flags in a line, such as `Mem+`, by name. */
export function flagsOf(line: string): ReadonlyMap<string, boolean> {
  const matches = line.matchAll(/(?:^|[\s(,])([<>]?[\w/.-]*\w)([+-])(?=[\s,)]|$)/g);
  return new Map(Array.from(matches, ([, name = "", sign]) => [name, sign === "+"]));
}
