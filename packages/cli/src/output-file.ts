import { accessSync, closeSync, constants, existsSync, openSync, readSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { PciError } from "@userpci/interface";

/** Bytes that are copied at once. */
const PART = 2 ** 20;

/**
 * Writes a file that the command line names, part by part.
 *
 * @param parts asked for one after the other, each once the former is written; what it throws is thrown
 * @throws PciError `ERR_PERMISSION`, or with the system's code
 */
export function saveParts(path: string, parts: Iterable<Uint8Array>): void {
  const file = writing(path, () => openSync(path, "w"));
  try {
    for (const part of parts) writing(path, () => writeFileSync(file, part));
  } finally {
    closeSync(file);
  }
}

/** Writes all of a file that the command line names. @throws PciError `ERR_PERMISSION`, or with the system's code */
export function saveFile(path: string, bytes: Uint8Array): void {
  writing(path, () => writeFileSync(path, bytes));
}

/**
 * Copies a file to where the command line says. Where that fails, what is there stays, as a device would: `fs.copyFile` removes it.
 *
 * @throws PciError `ERR_PERMISSION`, or with the system's code
 */
export function copyToFile(from: string, path: string): void {
  saveParts(path, partsOf(from));
}

/** The content of a file, a part at a time. */
function* partsOf(path: string): Generator<Uint8Array, void> {
  const file = openSync(path, "r");
  try {
    const buffer = new Uint8Array(PART);
    for (let size = readSync(file, buffer); size > 0; size = readSync(file, buffer))
      yield buffer.subarray(0, size);
  } finally {
    closeSync(file);
  }
}

/**
 * Looks whether a file can be written, before what it is to hold is made. Changes nothing.
 *
 * @throws PciError `ERR_PERMISSION`, or with the system's code
 */
export function checkOutput(path: string): void {
  writing(path, () => accessSync(existsSync(path) ? path : dirname(path), constants.W_OK));
}

function writing<T>(path: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    const { code = "EIO" } = cause as NodeJS.ErrnoException;
    const denied = code === "EACCES" || code === "EPERM";
    throw new PciError(denied ? "ERR_PERMISSION" : code, `${path} cannot be written: ${code}`, {
      path,
      hint: "give another path",
      cause,
    });
  }
}
