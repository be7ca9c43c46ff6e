import { formatValue, PciError } from "@userpci/interface";

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

/** How a dump is read. */
export interface DumpOptions {
  /** Refuse what lspci refuses, in its words, and end a function at an empty line, as it does. */
  readonly strict?: boolean;
}

const MAX_SIZE = 4096;
const ABSENT = 0xff;
const heading = /^(?:([0-7]?[0-9a-f]{4,7}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-9])(?:\s|$)/i;
const strictHeading = /^(?:([0-9a-f]{4,6}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-9]) /i;
/** Letters that an address may take, and one behind it. */
const LONGEST_HEADING = 17;
/** Digits of a row's address. */
const FEWEST_DIGITS = 2;
const MOST_DIGITS = 8;

const COLON = 0x3a;
const BLANK = 0x20;
const TAB = 0x09;

/** The hexadecimal digit that a letter is, by its code; -1 for every other. */
const digits = new Int8Array(0x1_0000).fill(-1);
for (const letter of "0123456789abcdefABCDEF") digits[letter.charCodeAt(0)] = Number.parseInt(letter, 16);

/** Bytes of a row as lspci prints it, and what most rows are. */
const ROW = 16;
const ZEROS = " 00".repeat(ROW);
/** A space of zeros as lspci prints it. */
const zeroRows = Array.from(
  { length: MAX_SIZE / ROW },
  (_, row) => `${(row * ROW).toString(16).padStart(2, "0")}:${ZEROS}\n`,
);
const zeroText = zeroRows.join("");
/** Where the row of each address begins in it, and where it ends. */
const zeroStarts = [0];
for (const row of zeroRows) zeroStarts.push(zeroStarts.at(-1)! + row.length);
/** Rows of zeros that are looked for at once. */
const RUN = 8;

/**
 * Reads what `lspci -x`, `-xxx` or `-xxxx` printed, at any verbosity, in the order of the text. A line that starts with an
 * address opens a function, and rows such as `10: 04 00 ...` fill it; every other line is passed over, as are rows before
 * the first function, bytes past 4096, and what follows the bytes of a row.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for what is no text, and where `strict`: for other than bytes in a row, bytes past
 *   4096, a line that lspci takes for too long, a last line without its end
 */
export function parseDump(text: string, { strict = false }: DumpOptions = {}): readonly DumpedFunction[] {
  requireText(text);
  const functions: DumpedFunction[] = [];
  const space = new Space();
  let open: Address | undefined;
  const close = () => {
    if (open) functions.push({ ...open, bytes: space.taken() });
    open = undefined;
  };
  const pattern = strict ? strictHeading : heading;
  const isClosing = strict ? emptyLines(text) : () => false;
  for (let at = 0; at < text.length; ) {
    const passed = open ? space.passZeros(text, at) : 0;
    if (passed > 0) {
      at += passed;
      continue;
    }
    const newline = text.indexOf("\n", at);
    const end = newline < 0 ? text.length : newline;
    if (isClosing(at, newline)) close();
    else if (digits[text.charCodeAt(at)]! >= 0 && !readRow(text, at, end, space, strict && !!open)) {
      const found = pattern.exec(text.slice(at, Math.min(end, at + LONGEST_HEADING)));
      if (found) {
        close();
        open = addressOf(found);
        space.clear();
      }
    }
    at = end + 1;
  }
  close();
  return functions;
}

function requireText(text: unknown): void {
  if (typeof text === "string") return;
  throw new PciError("ERR_INVALID_ARGUMENT", `a dump is text, not ${formatValue(text)}`, {
    hint: 'read the file as text: readFileSync(path, "latin1"); fromBytes takes a raw file of bytes',
  });
}

/** Characters that a line may have for lspci, but for its newline. */
const LONGEST_LINE = 253;

/** Tells whether a line is empty. @throws PciError if it is not a whole line for lspci, which a zero byte ends too */
function emptyLines(text: string): (start: number, newline: number) => boolean {
  const zero = text.indexOf("\0");
  return (start, newline) => {
    const length = newline - start;
    if (newline < 0 || length > LONGEST_LINE || (zero >= start && zero < newline)) {
      throw refusal(
        "Line too long or unterminated",
        `end every line with a newline, the last one too, after at most ${LONGEST_LINE} characters and no zero byte`,
      );
    }
    return length === 0 || (length === 1 && text[start] === "\r");
  };
}

/** What lspci refuses, in its words. */
function refusal(words: string, hint: string): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", `dump: ${words}`, {
    hint: `${hint}; without \`strict\` the dump is read as far as it can be`,
  });
}

type Address = Omit<DumpedFunction, "bytes">;

function addressOf([, domain = "0", bus = "", device = "", fn = ""]: RegExpExecArray): Address {
  const hex = (text: string) => Number.parseInt(text, 16);
  return { domain: hex(domain), bus: hex(bus), device: hex(device), function: hex(fn) };
}

/** The bytes of the function that is being read. */
class Space {
  readonly #bytes = new Uint8Array(MAX_SIZE);
  /** First byte behind those that were seen. */
  #end = 0;
  /** First byte behind the last row. */
  #next = 0;

  /** Forgets everything. */
  clear(): void {
    this.#bytes.fill(ABSENT);
    this.#end = 0;
    this.#next = 0;
  }

  /** A copy of what was seen. */
  taken(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#end);
  }

  /** Takes the next rows if they are zeros. @returns letters that they have */
  passZeros(text: string, at: number): number {
    const first = this.#next / ROW;
    const last = first + RUN;
    const start = zeroStarts[first];
    const end = zeroStarts[last];
    if (start === undefined || end === undefined || !text.startsWith(zeroText.slice(start, end), at))
      return 0;
    this.#bytes.fill(0, this.#next, last * ROW);
    this.#next = last * ROW;
    this.#end = Math.max(this.#end, this.#next);
    return end - start;
  }

  /**
   * Takes the bytes of a row: digit pairs with a blank before each, from `start` to `end` or to what is none.
   * @returns where it stopped
   */
  fill(offset: number, text: string, start: number, end: number): number {
    const bytes = this.#bytes;
    let at = start;
    let next = offset;
    if (text.startsWith(ZEROS, at) && next + ROW <= MAX_SIZE) {
      bytes.fill(0, next, next + ROW);
      next += ROW;
      at += ZEROS.length;
    }
    for (; at + 2 < end && next < MAX_SIZE; at += 3) {
      const blank = text.charCodeAt(at);
      const byte = (digits[text.charCodeAt(at + 1)]! << 4) | digits[text.charCodeAt(at + 2)]!;
      if (byte < 0 || (blank !== BLANK && blank !== TAB)) break;
      bytes[next++] = byte;
    }
    this.#next = next;
    if (at > start && next > this.#end) this.#end = next;
    return at;
  }
}

/** Reads the bytes of a line that is a row. @returns whether it is one. @throws PciError if a `strict` one is malformed */
function readRow(text: string, start: number, end: number, space: Space, strict: boolean): boolean {
  let at = start;
  let offset = 0;
  for (; at < end; at++) {
    const digit = digits[text.charCodeAt(at)]!;
    if (digit < 0) break;
    offset = offset * 16 + digit;
  }
  const count = at - start;
  if (count < FEWEST_DIGITS || count > MOST_DIGITS || at + 1 >= end) return false;
  if (text.charCodeAt(at) !== COLON || text.charCodeAt(at + 1) !== BLANK) return false;
  const stop = space.fill(offset, text, at + 1, end);
  if (strict) requireBytes(text, at + 1, stop, end);
  return strict || stop > at + 1 || offset >= MAX_SIZE;
}

/** Refuses what {@link Space.fill} left of a row, and tabulators, which it takes for blanks. */
function requireBytes(text: string, start: number, stop: number, end: number): void {
  const rest = text.slice(stop, end);
  const isWhole = rest === "" || rest === " " || rest === "\r" || rest === " \r";
  if (isWhole && !text.slice(start, stop).includes("\t")) return;
  const isLong = /^(?: [0-9a-f]{2})* ?\r?$/i.test(text.slice(start, end));
  if (isLong) {
    throw refusal("At most 4096 bytes of config space are supported", "end the function's rows at ff0");
  }
  throw refusal(
    "Malformed line",
    "give rows as `lspci -x` prints them: 10: 04 00 0f, one blank before each byte",
  );
}
