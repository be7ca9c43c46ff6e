import { readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { basename } from "node:path";

// What sysfs does not have, or does not show this user, is simply not known: lspci leaves it out without a word.

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Bytes of a file, as far as this user may read them. */
export function readBytes(path: string): Uint8Array | undefined {
  return orUndefined(() => readFileSync(path));
}

/** Text of an attribute, without the newline at its end. */
export function readAttribute(path: string): string | undefined {
  return orUndefined(() => readFileSync(path, "utf8"))?.replace(/\n$/, "");
}

/** A number in an attribute, decimal or with `0x`. */
export function readNumber(path: string): number | undefined {
  const text = readAttribute(path);
  return text === undefined || text.trim() === "" ? undefined : Number(text);
}

/** 32 bits in hexadecimal, whatever may stand behind them. */
export function readHex(path: string): number | undefined {
  const [, digits] = /^\s*(?:0x)?([0-9a-f]+)/i.exec(readAttribute(path) ?? "") ?? [];
  return digits === undefined ? undefined : Number(BigInt.asUintN(32, BigInt(`0x${digits}`)));
}

/** Last part of the path that a link leads to. */
export function readLinkName(path: string): string | undefined {
  return orUndefined(() => basename(readlinkSync(path)));
}

/** The whole path that a link leads to. */
export function readLinkPath(path: string): string | undefined {
  return orUndefined(() => {
    readlinkSync(path);
    return realpathSync(path);
  });
}

/** Names in a directory. */
export function readNames(path: string): readonly string[] {
  return orUndefined(() => readdirSync(path)) ?? [];
}
