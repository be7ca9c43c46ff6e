import { mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConditionWatch } from "./condition.ts";
import { writeMachine } from "./testing/machine.ts";

const PORT = "0000:00:1c.0";
const DEVICE = "0000:01:00.0";
const OTHER = "0000:00:04.0";
const port = `/sys/devices/pci0000:00/${PORT}`;
const device = `${port}/${DEVICE}`;

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-condition-"));
  writeMachine(root, {
    functions: [
      { address: PORT, id: "8086:3420", classCode: 0x060400 },
      { address: DEVICE, id: "1af4:1044", parent: PORT },
      { address: OTHER, id: "1234:11e8" },
    ],
    files: {
      [`${device}/current_link_speed`]: "8.0 GT/s PCIe\n",
      [`${device}/current_link_width`]: "4\n",
      [`${device}/power_state`]: "D0\n",
      [`${device}/aer_dev_correctable`]: "RxErr 0\nBadTLP 7\nTOTAL_ERR_COR 7\n",
      [`${port}/aer_dev_fatal`]: "DLP 0\nTOTAL_ERR_FATAL 0\n",
      [`/sys/devices/pci0000:00/${OTHER}/aer_dev_nonfatal`]: "CmpltTO 1\n",
    },
  });
});
afterEach(() => rmSync(root, { recursive: true }));

const put = (path: string, text: string): void => writeFileSync(join(root, path), text);

describe("ConditionWatch", () => {
  it("tells of errors that were counted since, at the device and at the ports above it", () => {
    const watch = new ConditionWatch({ root });
    expect(watch.size).toBe(3);
    expect(watch.changes()).toEqual([]);
    put(`${device}/aer_dev_correctable`, "RxErr 0\nBadTLP 9\nTOTAL_ERR_COR 9\n");
    put(`${port}/aer_dev_fatal`, "DLP 1\nTOTAL_ERR_FATAL 1\n");
    expect(watch.changes()).toEqual([
      { type: "errors", address: PORT, severity: "fatal", error: "DLP", more: 1, count: 1 },
      { type: "errors", address: DEVICE, severity: "correctable", error: "BadTLP", more: 2, count: 9 },
    ]);
    expect(watch.changes()).toEqual([]);
  });

  it("tells of a link that runs otherwise, and not of one whose device sleeps without power", () => {
    const watch = new ConditionWatch({ root });
    put(`${device}/current_link_speed`, "2.5 GT/s PCIe\n");
    put(`${device}/current_link_width`, "1\n");
    const slow = { speed: 2.5, width: 1 };
    expect(watch.changes()).toEqual([
      { type: "link", address: DEVICE, before: { speed: 8, width: 4 }, now: slow },
    ]);
    put(`${device}/power_state`, "D3cold\n");
    put(`${device}/current_link_width`, "0\n");
    expect(watch.changes()).toEqual([]);
    put(`${device}/power_state`, "D0\n");
    put(`${device}/current_link_speed`, "Unknown\n");
    expect(watch.changes()).toEqual([
      { type: "link", address: DEVICE, before: slow, now: { speed: null, width: 0 } },
    ]);
  });

  it("tells of all errors of a function that has come since, and of no change of its link", () => {
    const link = join(root, "/sys/bus/pci/devices", DEVICE);
    const target = readlinkSync(link);
    rmSync(link);
    const watch = new ConditionWatch({ root });
    symlinkSync(target, link);
    expect(watch.changes()).toEqual([
      { type: "errors", address: DEVICE, severity: "correctable", error: "BadTLP", more: 7, count: 7 },
    ]);
    expect(watch.changes()).toEqual([]);
  });

  it("looks at one function and what is above it, also while it is not there", () => {
    put(`${port}/aer_dev_fatal`, "DLP 3\nTOTAL_ERR_FATAL 3\n");
    const watch = new ConditionWatch({ root, address: "01:00.0" });
    expect(watch.size).toBe(2);
    put(`/sys/devices/pci0000:00/${OTHER}/aer_dev_nonfatal`, "CmpltTO 5\n");
    expect(watch.changes()).toEqual([]);
    const link = join(root, "/sys/bus/pci/devices", DEVICE);
    const target = readlinkSync(link);
    rmSync(link);
    expect([watch.changes(), watch.size]).toEqual([[], 0]);
    // What the port above had counted before is not told again.
    symlinkSync(target, link);
    expect(watch.changes()).toMatchObject([{ address: DEVICE, error: "BadTLP", more: 7 }]);
    expect(() => new ConditionWatch({ root, address: "slot 4" })).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }),
    );
  });
});
