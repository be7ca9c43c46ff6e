import type { IrqTarget } from "@userpci/interface";
import type { IrqDevice } from "@userpci/irq";
import { bytesRegion, configOf } from "@userpci/pci-config";
import { buildSpace } from "@userpci/pci-config/builder";
import type { AerCounter } from "@userpci/sysfs";
import { expect, it } from "vitest";
import { type DeviceErrorReport, ErrorWatch } from "./error-watch.ts";

const ADDRESS = "0000:01:00.0";
const PORT = "0000:00:1c.0";

/** A device whose registers and counters a test sets. */
function breakable({ count = 1, bytes = spaceWith({}) } = {}) {
  let arrived: ((count: number) => void) | undefined;
  const target = {
    listen: (listener: (count: number) => void) => {
      arrived = listener;
    },
    unlisten: () => {
      arrived = undefined;
    },
    ref: () => {},
    close: () => {},
  } as unknown as IrqTarget;
  const source: Partial<IrqDevice> = {
    address: ADDRESS,
    irqInfo: (kind) => ({ kind, count, maskable: false, autoMasked: false, resizable: false }),
    createIrqTarget: () => target,
    setIrqs: () => {},
    disableIrqs: () => {},
  };
  const counters: AerCounter[] = [];
  const device = { address: ADDRESS, config: configOf(bytesRegion(bytes)), counters: () => [...counters] };
  const watch = new ErrorWatch(device, source as IrqDevice, () => false);
  const reports: DeviceErrorReport[] = [];
  return {
    watch,
    counters,
    bytes,
    reports,
    fail: (events = 1) => arrived?.(events),
    isHeard: () => arrived !== undefined,
  };
}

/** A space with an AER capability at 100 whose status registers have these bits. */
function spaceWith({ uncorrectable = 0, severity = 0, correctable = 0 }): Uint8Array {
  const bytes = buildSpace({
    vendorId: 0x1af4,
    deviceId: 0x1044,
    capabilities: [{ name: "pcie" }],
    extendedCapabilities: [{ name: "aer" }],
  });
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(0x104, uncorrectable, true);
  view.setUint32(0x10c, severity, true);
  view.setUint32(0x110, correctable, true);
  return bytes;
}

it("an error is told with what the device's registers say of it", () => {
  const bytes = spaceWith({
    uncorrectable: (1 << 14) | (1 << 18),
    severity: (1 << 18) | (1 << 4),
    correctable: 1 << 6,
  });
  const { watch, fail, reports } = breakable({ bytes });
  watch.on((report) => reports.push(report));
  fail(2);
  expect(reports).toEqual([
    {
      address: ADDRESS,
      events: 2,
      recorded: [
        { severity: "correctable", error: "badTlp" },
        { severity: "nonfatal", error: "completionTimeout" },
        { severity: "fatal", error: "malformedTlp" },
      ],
      counted: [],
    },
  ]);
});

it("an error that the kernel has cleared is told by what it counted since the last one", () => {
  const { watch, fail, counters, reports } = breakable();
  const timeout = { address: ADDRESS, severity: "nonfatal", error: "CmpltTO" } as const;
  const link = { address: PORT, severity: "fatal", error: "DLP" } as const;
  counters.push({ ...link, count: 4 });
  watch.on((report) => reports.push(report));
  counters.push({ ...timeout, count: 1 });
  fail();
  counters.splice(0, 2, { ...link, count: 5 }, { ...timeout, count: 1 });
  fail();
  expect(reports.map(({ counted }) => counted)).toEqual([
    [{ ...timeout, error: "completionTimeout", count: 1 }],
    [{ ...link, error: "dataLinkProtocol", count: 5 }],
  ]);
});

it("the device's registers and the kernel's counters tell of an error by the same words", () => {
  const { watch, fail, counters, reports } = breakable({ bytes: spaceWith({ uncorrectable: 1 << 14 }) });
  watch.on((report) => reports.push(report));
  counters.push({ address: ADDRESS, severity: "nonfatal", error: "CmpltTO", count: 1 });
  fail();
  const { recorded, counted } = reports[0]!;
  expect(counted).toEqual([{ ...recorded[0], address: ADDRESS, count: 1 }]);
});

it("a device that no longer answers records nothing, though its ids and capabilities read as before", () => {
  const { watch, bytes, fail, reports } = breakable();
  watch.on((report) => reports.push(report));
  bytes.fill(0xff, 0x08, 0x0c);
  bytes.fill(0xff, 0x104, 0x114);
  fail();
  expect(reports[0]!.recorded).toEqual([]);
});

it("nothing is set up before somebody listens, nor where there are no such events", () => {
  const { watch, isHeard } = breakable();
  expect(isHeard()).toBe(false);
  const listening = watch.on(() => {});
  expect(isHeard()).toBe(true);
  listening.close();
  watch.close();
  expect(isHeard()).toBe(false);
  const without = breakable({ count: 0 });
  without.watch.on(() => {});
  expect(without.isHeard()).toBe(false);
});
