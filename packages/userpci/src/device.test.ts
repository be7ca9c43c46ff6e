import { type BackendDevice, PciError } from "@userpci/interface";
import { describe, expect, it } from "vitest";
import { PciDevice } from "./device.ts";

/** A backend's device that is busy for a while, and writes down what is asked of it. */
function busyDevice() {
  const calls: string[] = [];
  const device = {
    address: "0000:01:00.0",
    busy: true,
    closed: false,
    region: () => ({ size: 256 }),
    irqInfo: (kind: string) => ({ kind, count: 1, maskable: false, autoMasked: false, resizable: false }),
    createIrqTarget: () => ({ close: () => calls.push("target closed") }),
    setIrqs: () => calls.push("irqs on"),
    disableIrqs: () => {
      if (device.closed) throw new PciError("ERR_CLOSED", "closed");
      calls.push("irqs off");
    },
    closeSync: () => {
      if (device.busy) throw new PciError("ERR_BUSY", "being reset");
      calls.push("device closed");
      device.closed = true;
    },
  };
  return { device, calls, opened: PciDevice.over(device as unknown as BackendDevice) };
}

describe("closeSync", () => {
  it("leaves a device that is busy as it was, and closes it later", () => {
    const { device, calls, opened } = busyDevice();
    const set = opened.irqs.enable("msi");
    expect(() => opened.closeSync()).toThrow(expect.objectContaining({ code: "ERR_BUSY" }));
    expect(() => opened[Symbol.dispose]()).toThrow(expect.objectContaining({ code: "ERR_BUSY" }));
    expect([opened.closed, opened.irqs.closed, set.closed, opened.dma.closed]).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect(calls).toEqual(["irqs on"]);
    device.busy = false;
    opened.closeSync();
    expect([opened.closed, set.closed, opened.dma.closed]).toEqual([true, true, true]);
    expect(calls).toEqual(["irqs on", "device closed", "target closed"]);
    opened.closeSync();
  });
});
