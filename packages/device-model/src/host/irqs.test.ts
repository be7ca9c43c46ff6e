import { irqKinds } from "@userpci/interface";
import { bytesRegion, configOf } from "@userpci/pci-config";
import { buildSpace } from "@userpci/pci-config/builder";
import { describe, expect, it } from "vitest";
import type { ModelDevice } from "../model.ts";
import { codeOf, command, Events, type Hosted, hosted, peek, poke } from "../testing/hosting.ts";
import { recorder, work, worker, workerConfig } from "../testing/models.ts";

const MASTER = 4;
const INTERRUPT_DISABLE = 0x400;
const msi = configOf(
  bytesRegion(
    buildSpace({
      ...workerConfig,
      capabilities: workerConfig.capabilities!.filter(({ name }) => name !== "msix"),
    }),
  ),
).find("msi")!;
const MASK_BITS = msi.offset + 0x10;

const isPending = ({ fn }: Hosted): boolean => (peek(fn, 7, 6, 2) & 8) !== 0;

/** A worker whose line is asserted, with bus mastering on. */
function asserted(): Hosted {
  const device = hosted(worker());
  command(device.fn, MASTER);
  poke(device.fn, 0, work.start, 0);
  peek(device.fn, 0, work.done);
  return device;
}

describe("kinds of interrupts", () => {
  it("have the vectors and flags of Linux's vfio-pci", () => {
    using device = hosted(worker());
    const flags = irqKinds.map((kind) => device.fn.irqInfo(kind));
    const none = { maskable: false, autoMasked: false, resizable: false };
    expect(flags).toEqual([
      { kind: "intx", count: 1, maskable: true, autoMasked: true, resizable: true },
      { kind: "msi", count: 4, ...none },
      { kind: "msix", count: 4, ...none, resizable: true },
      { kind: "err", count: 1, ...none },
      { kind: "req", count: 1, ...none },
    ]);
    using plain = hosted(recorder([]));
    expect(irqKinds.map((kind) => plain.fn.irqInfo(kind).count)).toEqual([0, 0, 0, 0, 1]);
  });

  it("exclude each other, and a refusal changes nothing", () => {
    using device = hosted(worker());
    const { fn } = device;
    const sink = { signal: () => undefined };
    const events = new Events(fn, "msix", 2);
    const refusals = [
      () => fn.setIrqs("intx", 0, [sink]),
      () => fn.setIrqs("msi", 0, [sink]),
      () => fn.setIrqs("msix", 3, [sink, sink]),
      () => fn.setIrqs("msix", 0, [sink, {} as never]),
      () => fn.setIrqs("msix", 0, [null, { ...sink, closed: true }]),
      () => fn.setIrqs("msix", 0, []),
      () => fn.setIrqs("msix", -1, [sink]),
      () => fn.setIrqs("smoke" as never, 0, [sink]),
      () => fn.setIrqs("msix", 0, sink as never),
    ];
    expect(refusals.map(codeOf)).toEqual([
      "ERR_IRQ_BUSY",
      "ERR_IRQ_BUSY",
      "ERR_IRQ_COUNT",
      "ERR_INVALID_ARGUMENT",
      "ERR_CLOSED",
      "ERR_OUT_OF_RANGE",
      "ERR_OUT_OF_RANGE",
      "ERR_INVALID_ARGUMENT",
      "ERR_INVALID_ARGUMENT",
    ]);
    fn.triggerIrqs("msix", 0, 2);
    expect(events.counts).toEqual([1, 1]);
    fn.disableIrqs("msix");
    expect(codeOf(() => fn.triggerIrqs("msix", 0, 1))).toBe("ERR_NOT_SUPPORTED");
    expect(codeOf(() => fn.setIrqs("intx", 0, [sink]))).toBe("ok");
  });

  it("are masked only where they can be", () => {
    using device = hosted(worker());
    const { fn } = device;
    expect(codeOf(() => fn.maskIrqs("intx", 0, 1))).toBe("ERR_NOT_SUPPORTED");
    fn.setIrqs("msix", 0, [null]);
    expect(codeOf(() => fn.maskIrqs("msix", 0, 1))).toBe("ERR_NOT_SUPPORTED");
    expect(codeOf(() => fn.unmaskIrqs("req", 0, 1))).toBe("ERR_NOT_SUPPORTED");
  });
});

describe("the interrupt line", () => {
  it("is masked when it fires, and fires again when it is unmasked before the device is acknowledged", () => {
    using device = asserted();
    const { fn } = device;
    const events = new Events(fn, "intx");
    expect(events.counts).toEqual([1]);
    expect(isPending(device)).toBe(true);
    fn.unmaskIrqs("intx", 0, 1);
    expect(events.counts).toEqual([2]);
    poke(fn, 0, work.done, 1);
    expect(isPending(device)).toBe(false);
    fn.unmaskIrqs("intx", 0, 1);
    expect(events.counts).toEqual([2]);
    poke(fn, 0, work.start, 0);
    peek(fn, 0, 0);
    expect(events.counts).toEqual([3]);
  });

  it("is silent while Interrupt Disable is set, and fires when that is cleared while it is pending", () => {
    using device = hosted(worker());
    const { fn } = device;
    const events = new Events(fn, "intx");
    command(fn, INTERRUPT_DISABLE);
    poke(fn, 0, work.start, 0);
    peek(fn, 0, 0);
    fn.triggerIrqs("intx", 0, 1);
    expect(events.counts).toEqual([0]);
    expect(isPending(device)).toBe(true);
    command(fn, 0, INTERRUPT_DISABLE);
    expect(events.counts).toEqual([1]);
  });

  it("may be unmasked out of its own event, and then fires once an access", () => {
    using device = asserted();
    const { fn } = device;
    let count = 0;
    const signal = (): void => {
      count++;
      fn.unmaskIrqs("intx", 0, 1);
    };
    fn.setIrqs("intx", 0, [{ signal }]);
    expect(count).toBe(1);
    poke(fn, 0, work.done, 1);
    peek(fn, 0, 0);
    expect(count).toBe(1);
  });

  it("is nothing while messages are enabled", () => {
    using device = hosted(worker());
    const events = new Events(device.fn, "msix");
    poke(device.fn, 0, work.start, 0);
    peek(device.fn, 0, 0);
    expect(events.counts).toEqual([0]);
  });
});

describe("messages", () => {
  it.each(["msi", "msix"] as const)(
    "of %s are lost without bus mastering, and past what is enabled",
    (kind) => {
      using device = hosted(worker());
      const { fn } = device;
      const events = new Events(fn, kind, 2);
      poke(fn, 0, work.signal, 1);
      expect(events.counts).toEqual([0, 0]);
      command(fn, MASTER);
      poke(fn, 0, work.signal, 1);
      poke(fn, 0, work.signal, 2);
      expect(events.counts).toEqual([0, 1]);
    },
  );

  it("of a vector of MSI-X that is not connected stay pending, and go out when it is", () => {
    using device = hosted(worker());
    const { fn } = device;
    command(fn, MASTER);
    let count = 0;
    fn.setIrqs("msix", 0, [null, null]);
    poke(fn, 0, work.signal, 1);
    expect(peek(fn, 0, work.msixPending)).toBe(2);
    fn.setIrqs("msix", 1, [{ signal: () => count++ }]);
    expect([count, peek(fn, 0, work.msixPending)]).toEqual([1, 0]);
  });

  it("of MSI wait for the mask bits that the user sets", () => {
    using device = hosted(worker());
    const { fn } = device;
    command(fn, MASTER);
    const events = new Events(fn, "msi", 2);
    poke(fn, 7, MASK_BITS, 2);
    poke(fn, 0, work.signal, 1);
    poke(fn, 0, work.signal, 0);
    expect([events.counts, peek(fn, 7, MASK_BITS + 4)]).toEqual([[1, 0], 2]);
    poke(fn, 7, MASK_BITS, 0);
    expect([events.counts, peek(fn, 7, MASK_BITS + 4)]).toEqual([[1, 1], 0]);
  });

  it("of MSI-X get vectors live, and those of MSI do not", () => {
    using device = hosted(worker());
    const { fn } = device;
    const sink = { signal: () => undefined };
    fn.setIrqs("msix", 0, [sink]);
    expect(codeOf(() => fn.setIrqs("msix", 1, [sink]))).toBe("ok");
    fn.disableIrqs("msix");
    fn.setIrqs("msi", 0, [sink]);
    expect(codeOf(() => fn.setIrqs("msi", 1, [sink]))).toBe("ERR_NOT_SUPPORTED");
  });

  it("are shown as enabled in the device's own space, where the model looks", () => {
    let own: ModelDevice | undefined;
    const { create } = worker();
    const model = worker({
      create(device) {
        own = device;
        return create(device);
      },
    });
    using device = hosted(model);
    const { fn } = device;
    expect([own!.interrupts.mode, own!.interrupts.vectors]).toEqual([undefined, 0]);
    fn.setIrqs("msi", 0, [null, null, null]);
    expect(own!.config.find("msi")!.control.read()).toMatchObject({ enable: true, multipleEnable: 2 });
    expect([own!.interrupts.mode, own!.interrupts.vectors]).toEqual(["msi", 3]);
    fn.disableIrqs("msi");
    fn.setIrqs("msix", 0, [null]);
    expect(own!.config.find("msi")!.control.enable).toBe(false);
    expect(own!.config.find("msix")!.control.enable).toBe(true);
  });
});

describe("reports", () => {
  it("of an uncorrectable error arrive unless it is masked, and its bits are set", () => {
    using device = hosted(worker());
    const { fn } = device;
    const aer = 0x100;
    const events = new Events(fn, "err");
    poke(fn, 0, work.error, 0);
    expect([events.counts, peek(fn, 7, aer + 0x10)]).toEqual([[0], 0x40]);
    poke(fn, 0, work.error, 1);
    expect([events.counts, peek(fn, 7, aer + 0x04), peek(fn, 7, aer + 0x0c)]).toEqual([[1], 0x1000, 0]);
    poke(fn, 7, aer + 0x08, 0x1000);
    poke(fn, 0, work.error, 2);
    expect([events.counts, peek(fn, 7, aer + 0x0c), peek(fn, 7, aer + 0x18) & 31]).toEqual([[1], 0x1000, 12]);
    poke(fn, 7, aer + 0x04, 0xffff_ffff);
    expect(peek(fn, 7, aer + 0x04)).toBe(0);
  });

  it("that the device is wanted back arrive", () => {
    using device = hosted(worker());
    expect(codeOf(() => device.fn.triggerIrqs("req", 0, 1))).toBe("ERR_NOT_SUPPORTED");
    const events = new Events(device.fn, "req");
    device.fn.request();
    expect(events.counts).toEqual([1]);
  });
});
