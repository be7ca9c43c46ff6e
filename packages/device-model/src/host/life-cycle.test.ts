import { bytesRegion, configOf } from "@userpci/pci-config";
import { buildSpace } from "@userpci/pci-config/builder";
import { describe, expect, it } from "vitest";
import type { DeviceModel, ResetCause } from "../model.ts";
import { codeOf, command, Events, hosted, peek, poke } from "../testing/hosting.ts";
import { recorder, work, worker, workerConfig } from "../testing/models.ts";

const MASTER = 4;
const config = configOf(bytesRegion(buildSpace(workerConfig)));
const pcie = config.find("pcie")!.offset;
const pm = config.find("pm")!.offset;

/** A worker that notes what it is reset for. */
function noting(causes: ResetCause[], more: Partial<DeviceModel> = {}): DeviceModel {
  const { create } = worker();
  return worker({
    ...more,
    create(device) {
      const instance = create(device);
      return {
        ...instance,
        reset(cause) {
          causes.push(cause);
          instance.reset(cause);
        },
      };
    },
  });
}

describe("open and close", () => {
  it("reset, and leave nothing of one user to the next", () => {
    const causes: ResetCause[] = [];
    using device = hosted(noting(causes));
    const { fn } = device;
    expect(causes).toEqual(["power-on", "function"]);
    const events = new Events(fn, "msix");
    command(fn, MASTER | 0x400);
    poke(fn, 7, 0x10, 0xfea0_0000);
    poke(fn, 7, 0x3c, 11, 1);
    poke(fn, 0, work.from, 5);
    poke(fn, 0, work.memory, 0x5ec2e7);
    fn.close();
    expect(causes).toEqual(["power-on", "function", "function"]);
    expect(codeOf(() => peek(fn, 7, 0))).toBe("ERR_CLOSED");
    fn.close();
    fn.open();
    expect([peek(fn, 7, 4, 2), peek(fn, 7, 0x10), peek(fn, 7, 0x3c, 1)]).toEqual([3, 4, 0]);
    expect([peek(fn, 0, work.from), peek(fn, 0, work.memory)]).toEqual([0, 0]);
    expect(codeOf(() => fn.triggerIrqs("msix", 0, 1))).toBe("ERR_NOT_SUPPORTED");
    expect(events.counts).toEqual([0]);
    expect(codeOf(() => fn.open())).toBe("ERR_DEVICE_BUSY");
  });

  it("of a device that was halted interrupt nobody, and let it run for the next user", () => {
    using device = hosted(worker());
    const { fn } = device;
    const events = new Events(fn, "msix");
    command(fn, MASTER);
    fn.migration!.stop();
    poke(fn, 0, work.signal, 0);
    fn.close();
    fn.open();
    poke(fn, 0, work.start, 0);
    fn.step();
    expect([events.counts, peek(fn, 0, work.done)]).toEqual([[0], 1]);
  });

  it("go without a reset where the function has none, which says so", () => {
    using device = hosted(recorder([]));
    const { fn } = device;
    expect(fn.info).toEqual({ regions: 9, irqs: 5, resettable: false });
    expect(codeOf(() => fn.reset())).toBe("ERR_NO_RESET");
    expect(codeOf(() => fn.busReset())).toBe("ERR_NOT_SUPPORTED");
    fn.close();
    expect(codeOf(() => fn.open())).toBe("ok");
  });
});

describe("a reset", () => {
  it("keeps the user's interrupts, BARs and command, and ends what the device did", () => {
    using device = hosted(worker());
    const { fn } = device;
    const events = new Events(fn, "msix");
    command(fn, MASTER);
    poke(fn, 7, 0x10, 0xfea0_0000);
    poke(fn, 0, work.start, 5);
    fn.reset();
    for (let i = 0; i < 10; i++) fn.step();
    expect([events.counts, peek(fn, 0, work.start), peek(fn, 7, 0x10)]).toEqual([[0], 0, 0xfea0_0004]);
    expect(peek(fn, 7, 4, 2) & 7).toBe(7);
    poke(fn, 0, work.signal, 0);
    expect(events.counts).toEqual([1]);
  });

  it("is done by the bit of PCI Express, which reads 0", () => {
    const causes: ResetCause[] = [];
    using device = hosted(noting(causes));
    poke(device.fn, 7, pcie + 8, peek(device.fn, 7, pcie + 8, 2) | 0x8000, 2);
    expect(causes.slice(2)).toEqual(["function"]);
    expect(peek(device.fn, 7, pcie + 8, 2) & 0x8000).toBe(0);
  });

  it("is done by the way from D3 to D0, and BARs do not answer in D3", () => {
    const causes: ResetCause[] = [];
    using device = hosted(noting(causes));
    const { fn } = device;
    poke(fn, 7, pm + 4, 3, 2);
    expect(peek(fn, 7, pm + 4, 2) & 3).toBe(3);
    expect(codeOf(() => peek(fn, 0, 0))).toBe("ERR_MEMORY_DISABLED");
    expect(peek(fn, 2, 0, 1)).toBe(0xff);
    poke(fn, 7, pm + 4, 0, 2);
    expect([causes.slice(2), peek(fn, 0, 0)]).toEqual([["power-state"], 0]);
  });

  it.each([
    ["FLR of PCI Express", workerConfig, undefined, "function"],
    [
      "FLR of AF",
      {
        capabilities: [
          {
            name: "advancedFeatures",
            registers: { capabilities: { transactionsPending: true, functionLevelReset: true } },
          },
        ],
      },
      undefined,
      "function",
    ],
    ["power management", { capabilities: [{ name: "pm" }] }, undefined, "power-state"],
    [
      "its bus",
      { capabilities: [{ name: "pm", registers: { control: { noSoftReset: true } } }] },
      true,
      "bus",
    ],
  ] as const)("goes by %s", (_what, more, busReset, cause) => {
    const causes: ResetCause[] = [];
    const model = noting(causes, {
      config: { vendorId: 1, deviceId: 2, ...(more as object) } as DeviceModel["config"],
      bars: { 0: { kind: "memory32", size: work.size } },
      vpd: new Uint8Array(),
      ...(busReset && { busReset }),
    });
    using device = hosted(model);
    device.fn.reset();
    expect(causes.at(-1)).toBe(cause);
    if (busReset) device.fn.busReset();
    expect(causes).toHaveLength(busReset ? 4 : 3);
  });
});

describe("unplugging", () => {
  it("leaves ones, refuses what needs a device, and a new one is as after power-on", () => {
    const causes: ResetCause[] = [];
    using device = hosted(noting(causes));
    const { fn } = device;
    const events = new Events(fn, "intx");
    poke(fn, 0, work.start, 5);
    causes.length = 0;
    fn.unplug();
    fn.unplug();
    expect(causes).toEqual(["power-on"]);
    expect([fn.gone, fn.pending, peek(fn, 0, 0), peek(fn, 7, 0), fn.step()]).toEqual([
      true,
      false,
      0xffff_ffff,
      0xffff_ffff,
      false,
    ]);
    poke(fn, 0, work.start, 5);
    expect(codeOf(() => fn.reset())).toBe("ERR_DEVICE_GONE");
    expect(codeOf(() => fn.setIrqs("intx", 0, [null]))).toBe("ERR_DEVICE_GONE");
    expect(codeOf(() => fn.disableIrqs("intx"))).toBe("ok");
    expect(codeOf(() => fn.replug())).toBe("ERR_BUSY");
    fn.close();
    expect(codeOf(() => fn.open())).toBe("ERR_DEVICE_GONE");
    causes.length = 0;
    fn.replug();
    fn.open();
    expect([causes, peek(fn, 7, 0), events.counts]).toEqual([["power-on", "function"], 0xabcd_1234, [0]]);
  });
});
