import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { PciError } from "@userpci/interface";
import { findFunction } from "./find.ts";
import { functionPath } from "./function.ts";
import { explainWrite } from "./kernel.ts";
import { systemFailure, type TreeOptions, unreadable } from "./tree.ts";

/** The resource that is the expansion ROM. */
const ROM = 6;

/** Most bytes of a ROM (PCI 3.0, section 6.2.5.2). */
const LARGEST = 16 << 20;

/** How {@link readRom} reads. */
export interface RomOptions extends TreeOptions {
  /** Told of each piece that the kernel gives: how many bytes were read, of how many at most. */
  readonly onProgress?: (read: number, most: number) => void;
}

/**
 * The expansion ROM of a function through its `rom` file, which takes root: switched on, read up to the last image's end, and
 * switched off again (`pci_write_rom`, `pci_read_rom` in `drivers/pci/pci-sysfs.c`). It answers only while memory decode is on
 * (bit 1 of the command register). In a copied tree the file is read as it is.
 *
 * @param address such as `0000:00:04.0` or `00:04.0`
 * @returns its bytes, at most 16 MiB; null for a function that has none
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_NO_DEVICE`, `ERR_PERMISSION`, or with the system's code where the kernel finds no ROM
 */
export function readRom(address: string, options: RomOptions = {}): Uint8Array | null {
  const fn = findFunction(address, options);
  const size = fn.resources.find(({ index }) => index === ROM)?.size;
  if (size === undefined) return null;
  const path = functionPath(fn.address, options, "rom");
  const most = Math.min(size, LARGEST);
  const { root, onProgress } = options;
  return root === undefined
    ? readEnabled(path, most, fn.address, onProgress)
    : readCopy(path, most, onProgress);
}

/** {@link readRom} of a file of the kernel. */
export function readEnabled(
  path: string,
  size: number,
  address: string,
  onProgress?: RomOptions["onProgress"],
): Uint8Array {
  let file: number;
  try {
    file = openSync(path, "r+");
  } catch (cause) {
    throw explainWrite(path, cause, `userpci rom ${address}`);
  }
  try {
    writeSync(file, "1", 0);
    try {
      return readUpTo(file, size, onProgress);
    } finally {
      // With less than these two bytes, or elsewhere, it would be switched on.
      writeSync(file, "0\n", 0);
    }
  } catch (cause) {
    const { code, system } = systemFailure(cause);
    throw new PciError(code, `the kernel finds no ROM behind ${path}: ${code}`, {
      ...system,
      path,
      hint: "sudo dmesg | tail says why; of a function on vfio-pci, --via vfio reads it as it is",
    });
  } finally {
    closeSync(file);
  }
}

function readCopy(path: string, size: number, onProgress: RomOptions["onProgress"]): Uint8Array {
  try {
    const file = openSync(path, "r");
    try {
      return readUpTo(file, size, onProgress);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function readUpTo(file: number, size: number, onProgress: RomOptions["onProgress"]): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  while (at < size) {
    const count = readSync(file, bytes, at, size - at, at);
    if (count === 0) break;
    at += count;
    onProgress?.(at, size);
  }
  return bytes.slice(0, at);
}
