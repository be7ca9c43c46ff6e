import type { DeviceTelemetry, TelemetryReport } from "userpci/telemetry";
import { describe, expect, it } from "vitest";
import { createStyle } from "../style.ts";
import { rateText, topLines } from "./view.ts";

const plain = createStyle(false);

/** A report of one program with one device, so many seconds after its start. */
function report(seconds: number, counts: number, parts: Partial<DeviceTelemetry> = {}): TelemetryReport {
  const accesses = { reads: counts, writes: 2 * counts };
  const device: DeviceTelemetry = {
    address: "0000:00:04.0",
    backend: "vfio-cdev",
    openMs: seconds * 1000,
    registers: { mapped: accesses, called: { reads: 0, writes: 0 }, config: { reads: counts, writes: 0 } },
    mappings: [{ bar: 0, size: 1 << 20 }],
    dma: {
      buffers: 2,
      bytes: 8192,
      made: 2,
      madeBytes: 8192,
      mappings: { used: 2, limit: 65535 },
      pinned: { used: 8192, limit: 1 << 23, scope: "process" },
    },
    interrupts: [{ kind: "msix", vector: 3, count: counts, deliveries: counts / 2, largest: 7 }],
    ...parts,
  };
  const program = { pid: 41, thread: 0, command: "node driver.js", node: "v20.19.0" };
  const snapshot = {
    schema: "userpci:telemetry/1",
    atMs: seconds * 1000,
    program,
    devices: [device],
  } as const;
  return { programs: [{ socket: "/run/41.sock", uid: 1000, snapshot }], silent: [] };
}

const words = (line: string): string[] => line.trim().split(/ {2,}/);

describe("topLines", () => {
  it("prints counts of one look", () => {
    const lines = topLines({ now: report(1, 100) }, plain);
    expect(lines[0]).toBe("userpci top  1 program, 1 device");
    expect(lines.slice(2).map(words)).toEqual([
      "DEVICE,PID,BACKEND,READS,WRITES,CONFIGS,INTERRUPTS,MAPS,BUFFERS,DMA,PINNED,MAPPED".split(","),
      [
        "0000:00:04.0",
        "41",
        "vfio-cdev",
        "100",
        "200",
        "100",
        "100",
        "2",
        "2",
        "8 KiB",
        "8 KiB of 8 MiB",
        "BAR 0: 1 MiB",
      ],
      [""],
      ["DEVICE", "VECTOR", "INTERRUPTS", "PER DELIVERY", "MOST"],
      ["0000:00:04.0", "msix 3", "100", "2.0", "7"],
      [""],
      ["PID", "UID", "NODE", "COMMAND"],
      ["41", "1000", "v20.19.0", "node driver.js"],
    ]);
  });

  it("prints how fast counts grow between two looks, by the program's own clock", () => {
    const lines = topLines({ now: report(3, 4100), before: report(1, 100) }, plain).map(words);
    expect(lines[3]).toEqual(expect.arrayContaining(["2k", "4k", "0"]));
    expect(lines[6]).toEqual(["0000:00:04.0", "msix 3", "2k", "4100", "2.0", "7"]);
  });

  it("has no rate of a device that was opened since, also at the address of another", () => {
    const lines = topLines({ now: report(3, 4100, { openMs: 5 }), before: report(1, 100) }, plain);
    expect(words(lines[3]!).slice(3, 8)).toEqual(["-", "-", "-", "-", "-"]);
  });

  it("says what to do where no program tells of anything, and which gave no answer", () => {
    const silent = [{ socket: "/run/7.sock", code: "ERR_TIMEOUT" }];
    const text = topLines({ now: { programs: [], silent } }, plain).join("\n");
    expect(text).toContain("no answer at /run/7.sock: ERR_TIMEOUT");
    expect(text).toContain("USERPCI_TELEMETRY=1");
    const elsewhere = topLines({ now: { programs: [], silent }, at: "/run/mine" }, plain).join("\n");
    expect(elsewhere).toContain("run one with USERPCI_TELEMETRY=/run/mine");
  });
});

describe("rateText", () => {
  it.each([
    [0, "0"],
    [0.25, "0.25"],
    [12.345, "12.3"],
    [999.4, "999"],
    [999.6, "1k"],
    [4567, "4.57k"],
    [1.5e7, "15M"],
    [3e12, "3000G"],
  ])("%d a second is %s", (rate, text) => expect(rateText(rate)).toBe(text));
});
