import { setTimeout as delay } from "node:timers/promises";
import { type BackendDevice, type DmaMemory, PciError } from "@userpci/interface";
import { createDomain, MemoryMapper } from "@userpci/iommu";
import { describe, expect, it } from "vitest";
import { PciDevice } from "./device.ts";

/** Memory on the JavaScript heap. */
class PlainMemory implements DmaMemory {
  readonly pageSize = 4096;
  readonly size = 4096;
  readonly buffer = new ArrayBuffer(4096);
  closed = false;

  close(): void {
    this.closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A backend's device that is busy for a while, and writes down what is asked of it. */
function busyDevice(kinds: readonly string[] = ["msi"], parts: object = {}) {
  const calls: string[] = [];
  const device = {
    address: "0000:01:00.0",
    busy: true,
    closed: false,
    domain: {},
    memory: {},
    region: () => ({ size: 256, read32: () => 0 }),
    irqInfo: (kind: string) => ({
      kind,
      count: kinds.includes(kind) ? 1 : 0,
      maskable: false,
      autoMasked: false,
      resizable: false,
    }),
    createIrqTarget: () => ({
      listen: () => {},
      unlisten: () => {},
      ref: () => {},
      close: () => calls.push("target closed"),
    }),
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
    close: async () => device.closeSync(),
    ...parts,
  };
  return { device, calls, opened: PciDevice.over(device as unknown as BackendDevice) };
}

describe.each([
  ["close", async (device: PciDevice) => device.close()],
  ["closeSync", async (device: PciDevice) => device.closeSync()],
  ["Symbol.asyncDispose", async (device: PciDevice) => device[Symbol.asyncDispose]()],
  ["Symbol.dispose", async (device: PciDevice) => device[Symbol.dispose]()],
])("%s", (_name, close) => {
  it("leaves a device that is busy as it was, and closes it later", async () => {
    const { device, calls, opened } = busyDevice();
    const set = opened.irqs.enable("msi");
    const parts = [opened, opened.irqs, set, opened.dma];
    const busy = expect.objectContaining({ code: "ERR_BUSY", message: "being reset" });
    await expect(close(opened)).rejects.toEqual(busy);
    await expect(close(opened)).rejects.toEqual(busy);
    expect(parts.map(({ closed }) => closed)).toEqual([false, false, false, false]);
    expect(calls).toEqual(["irqs on"]);
    device.busy = false;
    await close(opened);
    expect(parts.map(({ closed }) => closed)).toEqual([true, true, true, true]);
    expect(calls).toEqual(["irqs on", "device closed", "target closed"]);
    await close(opened);
  });
});

it("close ends the readers of interrupts before it waits for the backend", async () => {
  const { device, calls, opened } = busyDevice();
  device.busy = false;
  device.close = async () => {
    calls.push("device closing");
    device.disableIrqs = () => {
      throw new PciError("ERR_CLOSED", "closed");
    };
    await event;
    device.closeSync();
  };
  const set = opened.irqs.enable("msi");
  const event = new Promise((resolve) => setImmediate(resolve)).then(() => calls.push("event"));
  await opened.close();
  expect([opened.closed, set.closed]).toEqual([true, true]);
  expect(calls).toEqual(["irqs on", "device closing", "target closed", "event", "device closed"]);
});

describe("DMA memory of a device that is being closed", () => {
  const closed = expect.objectContaining({
    code: "ERR_CLOSED",
    message: expect.stringMatching(/DMA memory is closed|closed while its DMA memory/),
  });

  /** A device whose `close` takes a while, and closes its domain when the descriptor is. */
  function slowToClose() {
    const domain = createDomain();
    const attachment = domain.attach(new MemoryMapper(), "0000:01:00.0");
    const memories: PlainMemory[] = [];
    const alloc = (): PlainMemory => {
      const memory = new PlainMemory();
      memories.push(memory);
      return memory;
    };
    const { device, opened } = busyDevice([], { domain, memory: { alloc } });
    device.busy = false;
    device.close = async () => {
      await delay(5);
      device.closeSync();
      attachment.detach();
      await domain.close();
    };
    return { opened, device, domain, memories };
  }

  it("is not handed out from the call on, and what is under way is undone", async () => {
    const { opened, domain, memories } = slowToClose();
    const early = await opened.dma.alloc(4096);
    const underWay = expect(opened.dma.alloc(4096)).rejects.toEqual(closed);
    const closing = opened.close();
    expect([opened.closed, opened.dma.closed, early.closed]).toEqual([false, true, false]);
    await expect(opened.dma.alloc(4096)).rejects.toEqual(closed);
    expect(() => opened.dma.mapSync(new PlainMemory())).toThrow(closed);
    await underWay;
    await closing;
    expect([domain.closed, early.closed, opened.dma.closed]).toEqual([true, true, true]);
    expect(memories.map((memory) => memory.closed)).toEqual([true, true]);
    await expect(opened.dma.alloc(4096)).rejects.toEqual(closed);
  });

  it("is handed out again by one that could not be closed", async () => {
    const { opened, device } = slowToClose();
    device.close = async () => {
      throw new PciError("ERR_BUSY", "being reset");
    };
    await expect(opened.close()).rejects.toMatchObject({ code: "ERR_BUSY" });
    await (await opened.dma.alloc(4096)).close();
  });

  it("is refused by its own words also when the backend was closed", async () => {
    const { opened, device } = slowToClose();
    await device.close();
    await expect(opened.dma.alloc(4096)).rejects.toEqual(closed);
  });
});

describe("a device with requests and errors", () => {
  const off = ["irqs on", "irqs on", "device closed", "target closed", "target closed"];

  it.each([
    ["close", async (device: PciDevice) => device.close()],
    ["closeSync", async (device: PciDevice) => device.closeSync()],
  ])("%s ends listening to both, after which it cannot begin", async (_name, close) => {
    const { device, calls, opened } = busyDevice(["err", "req"]);
    device.busy = false;
    opened.onRelease(() => {});
    opened.onError(() => {});
    opened.onError(() => {});
    expect(opened.irqs.enabled()).toEqual([]);
    await close(opened);
    expect(calls).toEqual(off);
    const closed = expect.objectContaining({ code: "ERR_CLOSED", hint: "open it again" });
    expect(() => opened.onRelease(() => {})).toThrow(closed);
    expect(() => opened.onError(() => {})).toThrow(closed);
  });
});

it("relax tells a polling loop that the device is closed", async () => {
  const { device, opened } = busyDevice();
  const steps: string[] = [];
  Object.assign(device, { busy: false, relax: () => steps.push("step") });
  opened.relax();
  await opened.close();
  expect(() => opened.relax()).toThrow(
    expect.objectContaining({
      code: "ERR_CLOSED",
      message: expect.stringMatching(/^0000:01:00.0 is closed/),
    }),
  );
  expect(steps).toEqual(["step"]);
});
