import { PciError } from "@userpci/interface";
import { bytesRegion, hexDigits, readBytes, requireBytes } from "./bytes.ts";
import { type ConfigSpace, configOf } from "./config.ts";
import { EXTENDED_SIZE } from "./walk.ts";

/** Sizes of the files that hold a config space: what an ordinary user may read, a conventional space, an extended one. */
const fileSizes = [64, 256, 4096];

/**
 * The config space in the bytes of a file, such as sysfs' `config`. The bytes are copied.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` if it is no Uint8Array of 64, 256 or 4096 bytes
 */
export function fromBytes(bytes: Uint8Array): ConfigSpace {
  requireBytes(bytes);
  if (!fileSizes.includes(bytes.length)) {
    throw new PciError(
      "ERR_INVALID_ARGUMENT",
      `a config space is a file of 64, 256 or 4096 bytes, not ${bytes.length}`,
      {
        hint: "`lspci -xxx` text is read by parseDump, the JSON form by fromJSON",
      },
    );
  }
  return configOf(bytesRegion(bytes.slice()));
}

/** All bytes of a config space, for a file. Reads each dword once, also those that nobody owns or whose reading has effects. */
export function toBytes(config: ConfigSpace): Uint8Array<ArrayBuffer> {
  return readBytes(config.region, 0, config.size);
}

/** Bytes of a row of {@link contentRows}. */
const ROW = 16;
/** What most rows are. */
const ZEROS = "00".repeat(ROW);

/** Bytes as rows of 32 hexadecimal digits, one for 16 bytes; the last may be shorter. */
export function contentRows(bytes: Uint8Array): string[] {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += ROW) {
    const end = Math.min(at + ROW, bytes.length);
    rows.push(isZero(bytes, at, end) && end === at + ROW ? ZEROS : hexDigits(bytes, at, end));
  }
  return rows;
}

function isZero(bytes: Uint8Array, from: number, end: number): boolean {
  let any = 0;
  for (let at = from; at < end; at++) any |= bytes[at]!;
  return any === 0;
}

/**
 * The bytes of rows, or of one string, of hexadecimal digits.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for other characters, half a byte, or more than 4096 bytes
 */
export function parseContent(rows: readonly string[]): Uint8Array<ArrayBuffer> {
  const digits = rows.join("");
  if (!/^(?:[0-9a-f]{2})*$/i.test(digits) || digits.length > 2 * EXTENDED_SIZE) {
    throw new PciError(
      "ERR_INVALID_ARGUMENT",
      "the content is not two hexadecimal digits for each of at most 4096 bytes",
      { hint: "give the digits as toJSON wrote them: 32 a row, without blanks, 256 rows at most" },
    );
  }
  return Uint8Array.from(digits.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
