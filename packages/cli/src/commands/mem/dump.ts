import { checkAligned, checkInteger, type Region } from "@userpci/interface";
import { type CommandCall, ofCommandLine, optionText, type Report } from "../../command.ts";
import { sizeText } from "../../function-view.ts";
import { saveParts } from "../../output-file.ts";
import { ProgressLine } from "../../progress-line.ts";
import { isStandardOutput } from "../../standard-output.ts";
import { openTarget } from "../../target/open.ts";
import { type AccessBits, numberOf, type Place, placeOf, readAt } from "./access.ts";

/** Bytes that are printed where no length is given. */
const PRINTED = 256;
/** Most bytes that are printed. */
const MOST_PRINTED = 2 ** 20;
/** Bytes between two looks at the clock, which is when progress may be told. */
const CHUNK = 2 ** 16;
/** Bytes in a row. */
const ROW = 16;

/** A span of a BAR. */
interface Span {
  readonly offset: number;
  readonly length: number;
  readonly width: AccessBits;
}

/** `userpci mem dump`. */
export async function run(call: CommandCall): Promise<Report> {
  const output = optionText(call, "output");
  const isPiped = isStandardOutput(call, output, "the bytes");
  const target = await openTarget(call);
  try {
    const place = await placeOf(call, target);
    using region = target.bar(place.bar);
    const span = await ofCommandLine(() => spanOf(call, place, region, output));
    const common = { address: target.address, via: target.via, bar: place.bar, ...span };
    if (isPiped) {
      for (const part of partsOf(call, region, span)) {
        if (call.terminal.unread) break;
        call.terminal.write(part);
      }
      return { json: {}, text: () => [] };
    }
    if (output !== undefined) {
      saveParts(output, partsOf(call, region, span));
      return {
        json: { ...common, file: output },
        text: ({ green }) => [`${green("saved")}  ${sizeText(span.length)} of BAR ${place.bar} in ${output}`],
      };
    }
    const rows = hexRows(readSpan(region, span), span.offset);
    return { json: { ...common, rows }, text: () => rows };
  } finally {
    await target.close();
  }
}

function spanOf(
  call: CommandCall,
  { offset, width }: Place,
  region: Region,
  output: string | undefined,
): Span {
  checkAligned("the offset", checkInteger("the offset", offset, 0, region.size - 1), width / 8);
  const rest = region.size - offset;
  const usual = output === undefined ? Math.min(PRINTED, rest) : rest;
  const text = call.arguments[3];
  const length = text === undefined ? usual : Number(numberOf(text, "length"));
  const most = output === undefined ? Math.min(rest, MOST_PRINTED) : rest;
  return {
    offset,
    length: checkAligned("the length", checkInteger("the length", length, 1, most), width / 8),
    width,
  };
}

function readSpan(region: Region, { offset, length, width }: Span): Uint8Array {
  const bytes = new Uint8Array(length);
  const step = width / 8;
  for (let at = 0; at < length; at += step) {
    let value = readAt(region, width, offset + at);
    for (let byte = 0; byte < step; byte++, value >>= 8n) bytes[at + byte] = Number(value & 0xffn);
  }
  return bytes;
}

/** As `xxd` prints it, at the offsets of the BAR. */
function hexRows(bytes: Uint8Array, from: number): string[] {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += ROW) {
    const row = [...bytes.subarray(at, at + ROW)];
    const digits = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const letters = row
      .map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "."))
      .join("");
    rows.push(`${(from + at).toString(16).padStart(8, "0")}  ${digits.padEnd(3 * ROW - 1)}  ${letters}`);
  }
  return rows;
}

/** The span in parts, with progress. */
function* partsOf(call: CommandCall, region: Region, span: Span): Generator<Uint8Array> {
  using progress = new ProgressLine(call.terminal);
  for (let done = 0; done < span.length; done += CHUNK) {
    const length = Math.min(CHUNK, span.length - done);
    yield readSpan(region, { ...span, offset: span.offset + done, length });
    progress.tick(() => `${sizeText(done + length)} of ${sizeText(span.length)}`);
  }
}
