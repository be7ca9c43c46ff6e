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
const heading = /^(?:([0-7]?[0-9a-f]{4,7}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-9])\s/i;
const row = /^([0-9a-f]{2,8}): ([0-9a-f]{2}(?:[ \t][0-9a-f]{2})*)/i;

/**
 * Reads what `lspci -x`, `-xxx` or `-xxxx` printed, at any verbosity, in the order of the text. A line that starts with an
 * address opens a function, and rows such as `10: 04 00 ...` fill it; every other line is passed over, as are rows before
 * the first function, bytes past 4096, and what follows the bytes of a row.
 */
export function parseDump(text: string): readonly DumpedFunction[] {
  const functions: DumpedFunction[] = [];
  let open: OpenFunction | undefined;
  const close = () => {
    if (open) functions.push(finish(open));
  };
  for (const line of text.split(/\r?\n/)) {
    const found = heading.exec(`${line} `);
    if (found) {
      close();
      open = openFunction(found);
    } else if (open) {
      readRow(open, line);
    }
  }
  close();
  return functions;
}

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

function readRow(open: OpenFunction, line: string): void {
  const found = row.exec(line);
  if (!found) return;
  let at = Number.parseInt(found[1]!, 16);
  const digits = found[2]!;
  for (let i = 0; i < digits.length && at < MAX_SIZE; i += 3) {
    open.space[at++] = Number.parseInt(digits.slice(i, i + 2), 16);
  }
  if (at <= MAX_SIZE) open.end = Math.max(open.end, at);
}

function finish({ address: [domain, bus, device, fn], space, end }: OpenFunction): DumpedFunction {
  return { domain, bus, device, function: fn, bytes: space.slice(0, end) };
}
