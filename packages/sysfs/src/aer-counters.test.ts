import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readAerCounters } from "./aer-counters.ts";
import { writeMachine } from "./testing/machine.ts";

const PORT = "0000:00:1c.0";
const DEVICE = "0000:01:00.0";
let root: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-aer-"));
  writeMachine(root, {
    functions: [
      { address: PORT, id: "8086:3420", classCode: 0x060400 },
      { address: DEVICE, id: "1af4:1044", parent: PORT },
    ],
    files: {
      [`/sys/devices/pci0000:00/${PORT}/aer_dev_fatal`]: "Undefined 0\nDLP 2\nTOTAL_ERR_FATAL 2\n",
      [`/sys/devices/pci0000:00/${PORT}/${DEVICE}/aer_dev_nonfatal`]: "CmpltTO 1\nTOTAL_ERR_NONFATAL 1\n",
      [`/sys/devices/pci0000:00/${PORT}/${DEVICE}/aer_dev_correctable`]: "BadTLP 7\nnonsense\n",
    },
  });
});
afterAll(() => rmSync(root, { recursive: true }));

it("gives the errors of the function and of the ports above it, without sums", () => {
  expect(readAerCounters(DEVICE, { root })).toEqual([
    { address: PORT, severity: "fatal", error: "Undefined", count: 0 },
    { address: PORT, severity: "fatal", error: "DLP", count: 2 },
    { address: DEVICE, severity: "correctable", error: "BadTLP", count: 7 },
    { address: DEVICE, severity: "nonfatal", error: "CmpltTO", count: 1 },
  ]);
});

it("gives none of a function that is not there, and refuses what is no address", () => {
  expect(readAerCounters("0000:05:00.0", { root })).toEqual([]);
  expect(() => readAerCounters("slot 5", { root })).toThrow(
    expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }),
  );
});
