import { type IrqKind, PciError } from "@userpci/interface";
import { failing } from "@userpci/interface/testing";
import { describe, expect, it } from "vitest";
import { Irqs } from "./irqs.ts";
import { TestDevice } from "./testing/device.ts";

function made(options = {}) {
  const device = new TestDevice({ intx: 1, msi: 4, msix: 8, err: 1, req: 1, ...options });
  return { device, irqs: new Irqs(device) };
}
const state = (device: TestDevice) => ({
  enabled: [...device.enabled],
  connected: [...device.connected.keys()],
  open: device.targets.filter((target) => !target.closed).length,
});
const off = { enabled: [], connected: [], open: 0 };

it.each([undefined, 5, {}, { address: "0000:00:04.0", irqs: {}, backendDevice: {} }])(
  "are refused for what no backend opened, with the way to what one did: %o",
  (device) => {
    expect(() => new Irqs(device as never)).toThrow(
      failing(
        "ERR_INVALID_ARGUMENT",
        /^device (must be an object|has no irqInfo\(\))/,
        /device\.backendDevice/,
      ),
    );
  },
);

describe("enable", () => {
  it("connects one target to each vector, from `start` on", () => {
    const { device, irqs } = made();
    const set = irqs.enable("msix", { start: 3, count: 2 });
    expect([...device.connected.keys()]).toEqual(["msix/3", "msix/4"]);
    expect([set.count, set.at(3).index, [...set].map(({ index }) => index)]).toEqual([2, 3, [3, 4]]);
    expect(() => set.at(0)).toThrow(failing("ERR_OUT_OF_RANGE", /MSI-X vector 0 .* enabled: 3, 4/));
  });

  it.each([true, false])("connects any subset of the vectors, whether resizable or not: %s", (resizable) => {
    const { device, irqs } = made({ resizable });
    const set = irqs.enable("msix", { vectors: [6, 1, 2] });
    expect([...device.connected.keys()].sort()).toEqual(["msix/1", "msix/2", "msix/6"]);
    expect([...set].map(({ index }) => index)).toEqual([1, 2, 6]);
    expect(device.calls).toBe(resizable ? 2 : 1);
    expect(state(device).open).toBe(3);
  });

  it.each<[unknown, string, RegExp?]>([
    [[], "ERR_INVALID_ARGUMENT", /different numbers, not an empty one$/],
    [[0, 1, 1], "ERR_INVALID_ARGUMENT", /different numbers, and has 1 twice$/],
    [3, "ERR_INVALID_ARGUMENT", /not 3$/],
    [null, "ERR_INVALID_ARGUMENT"],
    [[8], "ERR_IRQ_COUNT"],
    [[0, -1], "ERR_IRQ_COUNT"],
    [[0.5], "ERR_IRQ_COUNT"],
    [["0"], "ERR_IRQ_COUNT"],
    [[Number.NaN], "ERR_IRQ_COUNT"],
  ])("refuses the vectors %o and leaves nothing enabled", (vectors, code, message) => {
    const { device, irqs } = made();
    expect(() => irqs.enable("msix", { vectors: vectors as number[] })).toThrow(failing(code, message));
    expect([state(device), device.targets]).toEqual([off, []]);
  });

  it("leaves nothing enabled when a later part of a subset fails", () => {
    const { device, irqs } = made({ resizable: true });
    device.failAfter = 1;
    expect(() => irqs.enable("msix", { vectors: [0, 5] })).toThrow(failing("ENOSPC"));
    expect(state(device)).toEqual(off);
    device.failAfter = Infinity;
    irqs.enable("intx");
  });

  it.each<[unknown, unknown, RegExp]>([
    [0, 0, /0 MSI-X vector\(s\) from 0 .* has 8/],
    [-1, 0, /-1 MSI-X/],
    [9, 0, /9 MSI-X .* has 8/],
    [4, 5, /4 MSI-X vector\(s\) from 5 .* has 8/],
    [Number.NaN, 0, /NaN/],
    [1.5, 0, /1.5/],
    [Infinity, 0, /Infinity/],
    [2 ** 53, 0, /9007199254740992/],
    ["2", 0, /"2" MSI-X .* has 8/],
    [2n, 0, /2n MSI-X .* has 8/],
    [1, "0", /from "0"/],
    [1, 0n, /from 0n/],
    [Symbol("2"), 0, /Symbol/],
    [1, -1, /from -1/],
    [1, Number.NaN, /from NaN/],
    [1, 8, /from 8/],
  ])("refuses count %s from %s and leaves nothing enabled", (count, start, message) => {
    const { device, irqs } = made();
    const ask = { count, start } as { count: number; start: number };
    expect(() => irqs.enable("msix", ask)).toThrow(failing("ERR_IRQ_COUNT", message, /1 to 8/));
    expect(state(device)).toEqual(off);
    expect(device.targets).toEqual([]);
    irqs.enable("msix", { count: 8 });
  });

  it("refuses a kind that the function does not have, and names those it has", () => {
    const { irqs } = made({ msix: 0, err: 0 });
    expect(() => irqs.enable("msix")).toThrow(
      failing("ERR_NOT_SUPPORTED", /0000:00:04.0 has no MSI-X/, /it has INTx \(1\), MSI \(4\), REQ \(1\)/),
    );
    expect(() => irqs.enable("nmi" as IrqKind)).toThrow(failing("ERR_INVALID_ARGUMENT", /not "nmi"/));
  });

  it.each<[IrqKind, IrqKind]>([
    ["intx", "msi"],
    ["msi", "msix"],
    ["msix", "intx"],
  ])("keeps %s and %s apart, and lets the second in after the first", (first, second) => {
    const { device, irqs } = made();
    const set = irqs.enable(first);
    const before = state(device);
    expect(() => irqs.enable(second)).toThrow(
      failing("ERR_IRQ_BUSY", /cannot be enabled/, /close the .* set first/),
    );
    expect(() => irqs.enable(first)).toThrow(failing("ERR_IRQ_BUSY", /with 1 vector/, /use that set/));
    expect(state(device)).toEqual(before);
    set.close();
    irqs.enable(second);
    expect([...device.enabled]).toEqual([second]);
  });

  it("lets ERR and REQ stand beside each other", () => {
    const { irqs } = made();
    expect([irqs.enable("err").count, irqs.enable("req").count, irqs.enabled().length]).toEqual([1, 1, 2]);
  });

  it.each(["createIrqTarget", "setIrqs"] as const)("leaves nothing behind when %s fails", (call) => {
    const { device, irqs } = made();
    device.errors[call] = new PciError("EMFILE", "too many open files");
    expect(() => irqs.enable("msix", { count: 3 })).toThrow(device.errors[call]);
    expect(state(device)).toEqual(off);
    expect(irqs.enabled()).toEqual([]);
    delete device.errors[call];
    irqs.enable("msi");
  });
});

describe("what is no number of a vector", () => {
  const invalid = failing("ERR_INVALID_ARGUMENT", /must be an (integer|array), not/, /./);

  it.each([undefined, null, Number.NaN, 1.5, 0n, "0", {}, Symbol("0")])("is refused: %s", (value) => {
    const { device, irqs } = made({ resizable: true });
    const set = irqs.enable("msix", { count: 2 });
    const before = state(device);
    expect(() => set.at(value as never)).toThrow(invalid);
    expect(() => set.remove([value as never])).toThrow(invalid);
    expect(() => set.remove(value as never)).toThrow(invalid);
    expect(() => set.add(value as never)).toThrow(invalid);
    expect(() => set.add([value as never])).toThrow(invalid);
    expect(state(device)).toEqual(before);
  });

  it("is refused for options and for the device too", () => {
    const { irqs } = made();
    expect(() => new Irqs(undefined as never)).toThrow(failing("ERR_INVALID_ARGUMENT", /^device must be/));
    expect(() => new Irqs("0000:00:04.0" as never)).toThrow(failing("ERR_INVALID_ARGUMENT", /04.0"/));
    expect(() => irqs.enable("msi", null as never)).toThrow(failing("ERR_INVALID_ARGUMENT", /options/));
  });
});

describe("add and remove", () => {
  it("change a resizable set while the others go on", () => {
    const { device, irqs } = made({ resizable: true });
    const set = irqs.enable("msix", { count: 2 });
    expect(set.add([7, 4, 5]).map(({ index }) => index)).toEqual([7, 4, 5]);
    expect([...set].map(({ index }) => index)).toEqual([0, 1, 4, 5, 7]);
    const [gone, kept] = [set.at(4), set.at(5)];
    set.remove([4, 0, 4]);
    expect([gone.closed, kept.closed, set.count]).toEqual([true, false, 3]);
    expect([...device.connected.keys()].sort()).toEqual(["msix/1", "msix/5", "msix/7"]);
    expect(state(device).open).toBe(3);
    set.add([4]);
    expect(set.at(4)).not.toBe(gone);
  });

  it("is refused where the kernel cannot", () => {
    const { device, irqs } = made();
    const set = irqs.enable("msix", { count: 2 });
    expect(() => set.add([4])).toThrow(failing("ERR_NOT_SUPPORTED", /cannot be added while 2/, /enable all/));
    expect(state(device).open).toBe(2);
    set.remove([1]);
    expect([...device.connected.keys()]).toEqual(["msix/0"]);
  });

  it("changes what the kind was enabled with where the kernel cannot allocate more", () => {
    const { device, irqs } = made();
    const set = irqs.enable("msix", { vectors: [1, 4] });
    set.remove([1]);
    expect(set.add([0, 3, 1]).map(({ index }) => index)).toEqual([0, 3, 1]);
    expect(() => set.add([2, 5])).toThrow(failing("ERR_NOT_SUPPORTED", /vector 5 .* while 4/));
    expect([set.count, state(device).open, device.connected.size]).toEqual([4, 4, 4]);
  });

  it.each<[number[], string]>([
    [[8], "ERR_IRQ_COUNT"],
    [[-1], "ERR_IRQ_COUNT"],
    [[2, 8], "ERR_IRQ_COUNT"],
    [[2, 0], "ERR_IRQ_BUSY"],
    [[3, 3], "ERR_IRQ_BUSY"],
  ])("of %o is refused whole", (vectors, code) => {
    const { device, irqs } = made({ resizable: true });
    const set = irqs.enable("msix");
    expect(() => set.add(vectors)).toThrow(failing(code));
    expect(() => set.remove([0, 5])).toThrow(failing("ERR_OUT_OF_RANGE", /vector 5 .* enabled: 0/));
    expect([state(device).open, set.count]).toEqual([1, 1]);
  });

  it.each([0, 1])("leaves every vector as it was when call %i of remove is refused", (failAfter) => {
    const { device, irqs } = made({ resizable: true });
    const set = irqs.enable("msix", { count: 3 });
    const vectors = [...set];
    const before = [...device.connected].sort();
    const resetting = new PciError("ERR_RESETTING", "0000:00:04.0 is being reset");
    device.refuse = { after: failAfter, with: resetting };
    expect(() => set.remove([0, 2])).toThrow(resetting);
    expect([...device.connected].sort()).toEqual(before);
    expect([set.count, vectors.map(({ closed }) => closed)]).toEqual([3, [false, false, false]]);
    set.remove([0, 2]);
    expect([...set]).toEqual([vectors[1]]);
  });

  it("takes back what was connected when a later part fails", () => {
    const { device, irqs } = made({ resizable: true });
    const set = irqs.enable("msix");
    device.failAfter = 1;
    expect(() => set.add([2, 3, 6])).toThrow(failing("ENOSPC"));
    device.failAfter = Infinity;
    expect(state(device).open).toBe(1);
    expect(set.count).toBe(1);
    set.add([2, 3, 6]);
  });
});

describe("close", () => {
  it("disables the kind, closes the targets, and is harmless twice", () => {
    const { device, irqs } = made();
    const set = irqs.enable("msix", { count: 4 });
    set.close();
    set.close();
    expect(state(device)).toEqual(off);
    expect([set.closed, set.count, irqs.enabled()]).toEqual([true, 0, []]);
    const closed = failing("ERR_CLOSED", /MSI-X of 0000:00:04.0 is closed/);
    expect(() => set.at(0)).toThrow(closed);
    expect(() => set.add([0])).toThrow(closed);
    expect(() => set.remove([0])).toThrow(closed);
  });

  it("of all sets happens with Irqs, which then refuses", () => {
    const { device, irqs } = made();
    {
      using all = irqs;
      all.enable("msi", { count: 2 });
      all.enable("req");
    }
    expect(state(device)).toEqual(off);
    irqs.close();
    expect(irqs.closed).toBe(true);
    expect(() => irqs.enable("msi")).toThrow(failing("ERR_CLOSED"));
    expect(() => irqs.info("msi")).toThrow(failing("ERR_CLOSED"));
  });

  it.each(["ERR_CLOSED", "ERR_DEVICE_GONE"])("is quiet when the device went first with %s", (code) => {
    const { device, irqs } = made();
    const set = irqs.enable("msi");
    device.errors.disableIrqs = new PciError(code, "no device");
    set.close();
    expect(state(device).open).toBe(0);
  });

  it("closes the targets even if the kind cannot be disabled, and says so", () => {
    const { device, irqs } = made();
    irqs.enable("msi");
    device.errors.disableIrqs = new PciError("EIO", "ioctl failed");
    expect(() => irqs.close()).toThrow(device.errors.disableIrqs);
    expect([state(device).open, irqs.enabled().length]).toEqual([0, 0]);
  });
});
