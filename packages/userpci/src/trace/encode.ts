import { PciError } from "@userpci/interface";
import { type ByteReader, malformed } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { AccessEvent, Json, TraceContent, TraceWidth } from "./trace-event.ts";

/** The first bytes of a recording: its name and version. */
export const MAGIC = new TextEncoder().encode("userpci trace 1\n");

/** How a field is written. */
type Form = "number" | "bigint" | "text" | "json" | "bytes";

/** The fields of each kind of event, in their order; the number of a kind is its place here. Accesses have a form of their own. */
const layouts = [
  { kind: "read", fields: [] },
  { kind: "write", fields: [] },
  {
    kind: "interrupt",
    fields: [
      ["target", "number"],
      ["count", "number"],
    ],
  },
  {
    kind: "memory",
    fields: [
      ["iova", "bigint"],
      ["bytes", "bytes"],
    ],
  },
  {
    kind: "map",
    fields: [
      ["iova", "bigint"],
      ["size", "number"],
      ["direction", "text"],
    ],
  },
  {
    kind: "unmap",
    fields: [
      ["iova", "bigint"],
      ["size", "number"],
    ],
  },
  {
    kind: "call",
    fields: [
      ["method", "text"],
      ["args", "json"],
      ["outcome", "json"],
    ],
  },
  {
    kind: "result",
    fields: [
      ["pending", "number"],
      ["outcome", "json"],
    ],
  },
  {
    kind: "open",
    fields: [
      ["address", "text"],
      ["backend", "text"],
      ["opened", "json"],
    ],
  },
  {
    kind: "answer",
    fields: [
      ["iova", "bigint"],
      ["bytes", "bytes"],
    ],
  },
] as const satisfies readonly {
  readonly kind: TraceContent["kind"];
  readonly fields: readonly (readonly [string, Form])[];
}[];

const numbers = new Map<string, number>(layouts.map(({ kind }, index) => [kind, index]));
const widths: readonly TraceWidth[] = [1, 2, 4, 8];
const MAPPED = 4;
const REGION = 8;

/** Writes what happened, without when and to which device. */
export function encodeContent(to: ByteWriter, content: TraceContent): void {
  to.number(numbers.get(content.kind)!);
  if (isAccess(content)) encodeAccess(to, content);
  else encodeFields(to, content);
}

function isAccess(content: TraceContent): content is AccessEvent {
  return content.kind === "read" || content.kind === "write";
}

function encodeFields(to: ByteWriter, content: TraceContent): void {
  const fields = fieldsOf(content);
  for (const [name, form] of layouts[numbers.get(content.kind)!]!.fields) write(to, form, fields[name]);
}

/** Writes an access: its width, whether it was mapped and its region in one number. */
function encodeAccess(to: ByteWriter, { region, mapped, width, offset, value }: AccessEvent): void {
  to.number(region * REGION + (mapped ? MAPPED : 0) + widths.indexOf(width));
  to.number(offset);
  if (typeof value === "bigint") to.bigint(value);
  else to.number(value);
}

/** What came of a call is one field, in which only what there is stands. */
function fieldsOf(content: TraceContent): Readonly<Record<string, unknown>> {
  if (content.kind !== "call" && content.kind !== "result") return { ...content };
  const { kind: _kind, ...rest } = content;
  if (content.kind === "result") return { ...rest, outcome: pick(rest, ["error"]) };
  return { ...rest, outcome: pick(rest, ["result", "error", "pending"]) };
}

function pick(from: object, names: readonly string[]): object {
  return Object.fromEntries(
    Object.entries(from).filter(([name, value]) => names.includes(name) && value !== undefined),
  );
}

function write(to: ByteWriter, form: Form, value: unknown): void {
  if (form === "number") to.number(value as number);
  else if (form === "bigint") to.bigint(value as bigint);
  else if (form === "text") to.text(value as string);
  else if (form === "bytes") to.bytes(value as Uint8Array);
  else to.text(JSON.stringify(value));
}

/** Reads what {@link encodeContent} wrote. @throws PciError `ERR_PROTOCOL` */
export function decodeContent(from: ByteReader): TraceContent {
  const layout = layouts[from.number()];
  if (layout === undefined) throw malformed(from.at, "there is no such kind of event");
  const { kind } = layout;
  if (kind === "read" || kind === "write") return decodeAccess(kind, from);
  const fields: Record<string, unknown> = { kind };
  for (const [name, form] of layout.fields) fields[name] = read(from, form);
  const { outcome, ...rest } = fields;
  checkShape(from, rest);
  return { ...rest, ...(outcome as object | undefined) } as unknown as TraceContent;
}

function decodeAccess(kind: "read" | "write", from: ByteReader): AccessEvent {
  const place = from.number();
  const width = widths[place % MAPPED]!;
  const offset = from.number();
  const value = width === 8 ? from.bigint() : from.number();
  return { kind, region: Math.floor(place / REGION), mapped: (place & MAPPED) !== 0, width, offset, value };
}

function read(from: ByteReader, form: Form): unknown {
  if (form !== "json") return from[form]();
  try {
    return JSON.parse(from.text()) as Json;
  } catch (error) {
    if (error instanceof SyntaxError) throw malformed(from.at, "a text is no JSON");
    throw error;
  }
}

/** What other code relies on without looking. @throws PciError `ERR_PROTOCOL` */
function checkShape(from: ByteReader, fields: Readonly<Record<string, unknown>>): void {
  const { args, opened } = fields;
  if (args !== undefined && !Array.isArray(args))
    throw malformed(from.at, "the arguments of a call are no list");
  if (opened === undefined) return;
  const { info, regions, irqs, features, ranges } = (opened ?? {}) as Record<string, unknown>;
  const isWhole = typeof info === "object" && [regions, irqs, features, ranges].every(Array.isArray);
  if (!isWhole) throw malformed(from.at, "what is said of an open device is not whole");
}

/** @throws PciError `ERR_NOT_SUPPORTED` for a recording of another version, `ERR_PROTOCOL` for none */
export function checkMagic(from: ByteReader): void {
  const found = from.raw(MAGIC.length);
  if (found.every((byte, index) => byte === MAGIC[index])) return;
  if (found.subarray(0, -2).every((byte, index) => byte === MAGIC[index])) {
    throw new PciError("ERR_NOT_SUPPORTED", "the recording has a format that is not known here", {
      hint: "read it with the version of userpci that wrote it, or a later one",
    });
  }
  throw malformed(0, "it does not begin as one");
}
