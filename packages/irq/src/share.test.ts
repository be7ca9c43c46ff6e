import { type IrqKind, PciError } from "@userpci/interface";
import { failing } from "@userpci/interface/testing";
import { describe, expect, it } from "vitest";
import { type AdoptTarget, adoptVector } from "./adopted-vector.ts";
import { opened, turns } from "./testing/opened.ts";
import { TestTarget } from "./testing/target.ts";
import type { AdoptedVector, SharedVector } from "./vector.ts";

const adopt = (shared: SharedVector): AdoptedVector => adoptVector(shared, TestTarget.adopt);
const busy = failing("ERR_IRQ_BUSY", /MSI vector 0 of 0000:00:04.0 is read by another thread/);

describe("a shared vector", () => {
  it("is read by whoever adopts it, and by nobody else until then and while", async () => {
    const { device, vector } = opened();
    const shared = vector.share();
    for (const when of ["offered", "adopted"]) {
      expect(() => vector.on(() => {}), when).toThrow(busy);
      expect(() => vector.take()).toThrow(busy);
      expect(() => vector.waitSync()).toThrow(busy);
      await expect(vector.wait()).rejects.toEqual(busy);
      await expect(vector.events().next()).rejects.toEqual(busy);
      if (when === "offered") adopt(shared);
    }
    expect(() => adopt(shared)).toThrow(expect.objectContaining({ code: "ERR_IRQ_BUSY" }));
    device.fire("msi", 0, 3);
    expect(vector.stats.count).toBe(0);
  });

  it("has every way of reading for the thread that adopts it", async () => {
    const { device, vector } = opened();
    using own = adopt(vector.share());
    expect([own.kind, own.index, own.closed]).toEqual(["msi", 0, false]);
    device.fire("msi", 0, 2);
    expect(own.take()).toBe(2);
    own.trigger();
    expect(await own.wait()).toBe(1);
    const got: number[] = [];
    const subscription = own.on((count) => got.push(count));
    vector.trigger();
    await turns();
    subscription.close();
    device.fire("msi", 0, 4);
    for await (const count of own) {
      got.push(count);
      break;
    }
    expect([got, own.stats.count]).toEqual([[1, 4], 8]);
    expect(() => own.share()).toThrow(failing("ERR_NOT_SUPPORTED", /cannot be handed on/));
  });

  it("takes along what nobody was told of, and brings back what nobody was handed", async () => {
    const { device, vector } = opened();
    device.fire("msi");
    await vector.wait();
    device.fire("msi", 0, 4);
    await turns();
    const own = adopt(vector.share());
    expect([vector.stats.count, await own.wait()]).toEqual([1, 4]);
    device.fire("msi", 0, 2);
    await turns();
    device.fire("msi", 0, 3);
    own.close();
    own.close();
    expect([own.stats.count, vector.take(), vector.stats.count]).toEqual([4, 5, 6]);
    const closed = failing("ERR_CLOSED");
    expect(() => own.take()).toThrow(closed);
    expect(() => own.trigger()).toThrow(closed);
  });

  it.each<[string, (own: AdoptedVector) => Promise<unknown>]>([
    ["wait", (own) => own.wait()],
    ["step of its iterator", (own) => own.events().next()],
  ])(
    "is left with every event that nobody was told of when the other thread ends after a %s",
    async (_, read) => {
      const { device, vector } = opened();
      let target: TestTarget | undefined;
      const own = adoptVector(vector.share(), (shared, ended) => (target = TestTarget.adopt(shared, ended)));
      const told = read(own);
      device.fire("msi");
      await told;
      device.fire("msi", 0, 2);
      await turns();
      device.fire("msi", 0, 3);
      // A thread that ends runs nothing any more: its descriptors are closed.
      target!.close();
      expect(vector.take()).toBe(5);
    },
  );

  it("may have been waited for just before", async () => {
    const { device, vector } = opened();
    const waiting = vector.wait();
    device.fire("msi");
    expect(await waiting).toBe(1);
    const own = adopt(vector.share());
    device.fire("msi", 0, 2);
    expect(own.take()).toBe(2);
  });

  it("ends with the vector it comes from", async () => {
    const { set, vector } = opened();
    const own = adopt(vector.share());
    const step = own.events().next();
    await turns();
    set.close();
    await turns();
    expect(await step).toEqual({ value: undefined, done: true });
    expect(own.closed).toBe(true);
  });

  it("is offered anew when nobody has adopted it, and the older offer is void", () => {
    const { vector } = opened();
    const first = vector.share();
    const second = vector.share();
    expect(() => adopt(first)).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
    using _own = adopt(second);
    expect(() => vector.share()).toThrow(expect.objectContaining({ code: "ERR_IRQ_BUSY" }));
    expect(() => vector.unshare()).toThrow(expect.objectContaining({ code: "ERR_IRQ_BUSY" }));
  });

  it("is taken back while nobody has adopted it", () => {
    const { device, vector } = opened();
    vector.unshare();
    const shared = vector.share();
    vector.unshare();
    device.fire("msi");
    expect(vector.take()).toBe(1);
    expect(() => adopt(shared)).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
  });

  it("is refused while something reads it, and goes on", async () => {
    const { device, vector } = opened();
    const subscription = vector.on(() => {});
    expect(() => vector.share()).toThrow(failing("ERR_IRQ_BUSY", /1 listener/));
    subscription.close();
    const pending = vector.wait();
    expect(() => vector.share()).toThrow(failing("ERR_IRQ_BUSY", /a call of wait/));
    device.fire("msi");
    expect(await pending).toBe(1);
  });

  it("needs a backend whose targets can leave their thread", () => {
    const { vector, target } = opened();
    Object.defineProperty(target, "share", { value: undefined });
    expect(() => vector.share()).toThrow(failing("ERR_NOT_SUPPORTED", /cannot be read by another thread/));
    expect(vector.take()).toBe(0);
  });
});

describe("a shared INTx", () => {
  it("is unmasked by the thread that adopted it, when that asks for more", async () => {
    const { device, vector } = opened("intx");
    device.raise();
    expect(vector.take()).toBe(1);
    device.asserted = false;
    const own = adopt(vector.share());
    expect(device.masked.size).toBe(0);
    for (let round = 0; round < 3; round++) {
      device.raise();
      expect(own.take()).toBe(1);
      expect(device.masked.size).toBe(1);
      device.asserted = false;
      expect(own.take()).toBe(0);
      expect(device.masked.size).toBe(0);
    }
    own.close();
    expect([vector.take(), device.unmaskTarget]).toEqual([0, null]);
  });

  it("is not unmasked before what nobody was told of is handed over", async () => {
    const { device, vector } = opened("intx");
    expect(await vector.wait({ timeoutMs: 1 })).toBe(0);
    device.raise();
    await turns();
    using own = adopt(vector.share());
    expect(device.masked.size).toBe(1);
    expect([own.take(), device.masked.size]).toEqual([1, 1]);
  });

  it("fires again for its own thread after the other left it masked", () => {
    const { device, vector } = opened("intx");
    const own = adopt(vector.share());
    device.raise();
    expect(own.take()).toBe(1);
    device.asserted = false;
    own.close();
    expect(device.masked.size).toBe(1);
    expect([vector.take(), device.masked.size]).toEqual([0, 0]);
  });

  it("is masked by nobody while it is shared, and not shared while it is masked", () => {
    const { vector } = opened("intx");
    vector.mask();
    expect(() => vector.share()).toThrow(failing("ERR_IRQ_BUSY", /held by mask/));
    vector.unmask();
    using own = adopt(vector.share());
    const busy = failing("ERR_IRQ_BUSY", /another thread/);
    expect(() => vector.mask()).toThrow(busy);
    expect(() => vector.unmask()).toThrow(busy);
    expect(() => own.mask()).toThrow(failing("ERR_NOT_SUPPORTED", /adopted INTx vector cannot be masked/));
    own.unmask();
  });

  it("is offered to nobody when it cannot be unmasked for the other thread", () => {
    const { device, vector, target } = opened("intx");
    device.fire("intx");
    expect(vector.take()).toBe(1);
    const broken = new PciError("EIO", "no unmask");
    device.errors.unmaskIrqs = broken;
    expect(() => vector.share()).toThrow(broken);
    delete device.errors.unmaskIrqs;
    expect([target.shared, device.unmaskTarget, vector.take()]).toEqual([false, null, 0]);
    expect(device.masked.size).toBe(0);
  });

  it("is offered to nobody when its unmasking cannot be", () => {
    const { device, vector, target } = opened("intx");
    const broken = new PciError("EMFILE", "too many open files");
    device.errors.createIrqTarget = broken;
    expect(() => vector.share()).toThrow(broken);
    expect([target.shared, vector.take()]).toEqual([false, 0]);
  });
});

describe("what is no offer", () => {
  it.each<[unknown, unknown]>([
    [undefined, TestTarget.adopt],
    [{}, TestTarget.adopt],
    ["x", TestTarget.adopt],
    [{ info: { kind: "msi" as IrqKind }, target: {} }, undefined],
    [{ info: { kind: "msi" as IrqKind }, target: {} }, () => ({ close() {} })],
  ])("is refused: %o", (shared, adoptTarget) => {
    expect(() => adoptVector(shared as never, adoptTarget as never)).toThrow(failing("ERR_INVALID_ARGUMENT"));
  });

  it.each([undefined, null, 5, {}])("is refused when adoptTarget gives %o", (target) => {
    const { vector } = opened();
    const refused = failing("ERR_INVALID_ARGUMENT", /^what adoptTarget returned /);
    expect(() => adoptVector(vector.share(), () => target as never)).toThrow(refused);
  });

  it.each([
    ["what unmasks it cannot be adopted", (shared: SharedVector) => ({ ...shared, unmask: {} as never })],
    [
      "it cannot be read",
      (shared: SharedVector) =>
        Object.defineProperty(shared, "address", {
          get() {
            throw new Error("deliberate");
          },
        }),
    ],
  ])("holds no target when %s", (_when, broken) => {
    const { vector } = opened("intx");
    const targets: TestTarget[] = [];
    const keep: AdoptTarget = (shared, ended) => {
      const target = TestTarget.adopt(shared, ended);
      targets.push(target);
      return target;
    };
    const shared = vector.share();
    expect(() => adoptVector(broken(shared), keep)).toThrow();
    expect(targets.map((target) => target.closed)).not.toContain(false);
    expect([targets.length > 0, vector.take()]).toEqual([true, 0]);
  });
});
