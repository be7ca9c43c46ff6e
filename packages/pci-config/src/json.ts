import { PciError } from "@userpci/interface";
import { bytesRegion } from "./bytes.ts";
import { type ConfigSpace, configOf } from "./config.ts";
import { contentRows, parseContent, toBytes } from "./content.ts";
import { type ConfigDescription, type DescribeOptions, describeStill } from "./describe.ts";
import { HEADER_SIZE } from "./header.ts";
import { EXTENDED_SIZE } from "./walk.ts";

/** A config space as JSON: what `describe` tells of it, and all of its bytes, from which `fromJSON` makes it again. */
export interface ConfigJson extends ConfigDescription {
  /** Rows of 32 hexadecimal digits, 16 bytes each, from byte 0 on. */
  readonly content: readonly string[];
}

/**
 * A config space as plain data for JSON, words beside raw values. Each dword is read once, also those that nobody owns or whose reading has
 * effects; `describe` reads less.
 *
 * @throws PciError what the region throws, and `ERR_INVALID_ARGUMENT` for a wrong BAR size or no bytes of VPD
 */
export function toJSON(config: ConfigSpace, options: DescribeOptions = {}): ConfigJson {
  const bytes = toBytes(config);
  return { ...describeStill(configOf(bytesRegion(bytes)), options), content: contentRows(bytes) };
}

/**
 * Makes a config space of its JSON form: of {@link toJSON}, bit for bit the same; of `describe`, whose bytes are those of the header and
 * of capabilities, with 0 between them. What was decoded is not looked at, so changed words change nothing.
 *
 * @param json the text, or what it parses to
 * @throws PciError `ERR_INVALID_ARGUMENT` if it is no such form
 */
export function fromJSON(json: unknown): ConfigSpace {
  const form = typeof json === "string" ? parse(json) : json;
  if (typeof form !== "object" || form === null) throw noForm("it is no object");
  const bytes = "content" in form ? contentOf(form.content) : piecesOf(form);
  if (bytes.length < HEADER_SIZE) throw noForm(`it has ${bytes.length} bytes, fewer than a header`);
  return configOf(bytesRegion(bytes));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw noForm("it is no JSON", cause);
  }
}

function contentOf(content: unknown): Uint8Array {
  if (Array.isArray(content) && content.every((row) => typeof row === "string")) return parseContent(content);
  throw noForm("its content is no list of texts");
}

interface Piece {
  readonly offset: number;
  readonly bytes: string;
}

function piecesOf(form: object): Uint8Array {
  const { size, header, capabilities, extendedCapabilities } = form as Partial<
    Record<keyof ConfigJson, unknown>
  >;
  if (typeof size !== "number" || !Number.isInteger(size) || size < HEADER_SIZE || size > EXTENDED_SIZE) {
    throw noForm("it has neither content nor a size of 64 to 4096 bytes");
  }
  const bytes = new Uint8Array(size);
  const pieces = [{ ...Object(header), offset: 0 }, ...listOf(capabilities), ...listOf(extendedCapabilities)];
  for (const piece of pieces) {
    if (!isPiece(piece)) throw noForm("its header or a capability has no offset or bytes");
    const content = parseContent([piece.bytes]);
    if (piece.offset + content.length > size)
      throw noForm(`${content.length} bytes at ${piece.offset} lie outside`);
    bytes.set(content, piece.offset);
  }
  return bytes;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isPiece(value: unknown): value is Piece {
  if (typeof value !== "object" || value === null) return false;
  const { offset, bytes } = value as Partial<Record<keyof Piece, unknown>>;
  return typeof offset === "number" && Number.isInteger(offset) && offset >= 0 && typeof bytes === "string";
}

function noForm(why: string, cause?: unknown): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", `this is not the JSON form of a config space: ${why}`, {
    hint: "give what toJSON or describe returned, as it is or as text",
    ...(cause !== undefined && { cause }),
  });
}
