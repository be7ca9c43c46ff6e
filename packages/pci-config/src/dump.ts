/** A function of a dump. */
export interface DumpedFunction {
  /** 0 to 7fffffff. */
  readonly domain: number;
  /** 0 to ff. */
  readonly bus: number;
  /** 0 to ff, though hardware has 0 to 1f. */
  readonly device: number;
  /** 0 to 9, though hardware has 0 to 7. */
  readonly function: number;
  /** Its configuration space, up to the last byte that the dump has; bytes that it skips are ff. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const MAX_SIZE = 4096;
const ABSENT = 0xff;
const heading = /^(?:([0-7]?[0-9a-f]{4,7}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-9])(?:\s|$)/i;
/** Digits of a row's address. */
const FEWEST_DIGITS = 2;
const MOST_DIGITS = 8;

/**
 * Reads what `lspci -x`, `-xxx` or `-xxxx` printed, at any verbosity, in the order of the text. A line that starts with an
 * address opens a function, and rows such as `10: 04 00 ...` fill it; every other line is passed over, as are rows before
 * the first function, bytes past 4096, and what follows the bytes of a row.
 */
export function parseDump(text: string): readonly DumpedFunction[] {
  const functions: DumpedFunction[] = [];
  let open: OpenFunction | undefined;
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf("\n", at);
    const end = newline < 0 ? text.length : newline;
    const isDigit = hexDigit(text, at) >= 0;
    if (isDigit && !readRow(open, text, at, end)) {
      const found = heading.exec(text.slice(at, Math.min(end, at + LONGEST_HEADING)));
      if (found) {
        if (open) functions.push(finish(open));
        open = openFunction(found);
      }
    }
    at = end + 1;
  }
  if (open) functions.push(finish(open));
  return functions;
}

/** Letters that an address may take, and one behind it. */
const LONGEST_HEADING = 17;

interface OpenFunction {
  readonly address: readonly [domain: number, bus: number, device: number, fn: number];
  readonly space: Uint8Array<ArrayBuffer>;
  /** First byte behind those that were seen. */
  end: number;
}

function openFunction([, domain = "0", bus, device, fn]: RegExpExecArray): OpenFunction {
  const hex = (digits: string | undefined) => Number.parseInt(digits ?? "0", 16);
  return {
    address: [hex(domain), hex(bus), hex(device), hex(fn)],
    space: new Uint8Array(MAX_SIZE).fill(ABSENT),
    end: 0,
  };
}

/** Reads the bytes of a line that is a row. @returns whether it is one */
function readRow(open: OpenFunction | undefined, text: string, start: number, end: number): boolean {
  let at = start;
  let offset = 0;
  for (let digit = hexDigit(text, at); digit >= 0 && at < end; digit = hexDigit(text, ++at)) {
    offset = offset * 16 + digit;
  }
  const digits = at - start;
  if (digits < FEWEST_DIGITS || digits > MOST_DIGITS || text[at] !== ":" || text[at + 1] !== " ")
    return false;
  at += 1;
  let byte = byteAt(text, at + 1);
  if (byte < 0) return false;
  for (; byte >= 0 && isBlank(text, at) && at < end; byte = byteAt(text, at + 1)) {
    if (open && offset < MAX_SIZE) open.space[offset++] = byte;
    at += 3;
  }
  if (open && offset <= MAX_SIZE) open.end = Math.max(open.end, offset);
  return true;
}

/** The two hexadecimal digits at a place, or -1. */
function byteAt(text: string, at: number): number {
  const high = hexDigit(text, at);
  const low = hexDigit(text, at + 1);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

function isBlank(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === 0x20 || code === 0x09;
}

/** The hexadecimal digit at a place, or -1. */
function hexDigit(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function finish({ address: [domain, bus, device, fn], space, end }: OpenFunction): DumpedFunction {
  return { domain, bus, device, function: fn, bytes: space.slice(0, end) };
}
