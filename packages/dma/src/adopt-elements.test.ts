import { changing, failing, HostileError, oddValues, wrongAnswers } from "@userpci/interface/testing";
import { createDomain } from "@userpci/iommu";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Dma } from "./dma.ts";
import type { ElementLayout } from "./element-layout.ts";
import type { SharedElements } from "./elements.ts";
import { adoptPool } from "./pool.ts";
import { adoptRing } from "./ring.ts";
import { TestMapper } from "./testing/mapper.ts";
import { mapSharedMemory, ShareableSource } from "./testing/shareable.ts";

type Offer = SharedElements & { readonly zero?: boolean; readonly capacity?: number };

function opened() {
  const domain = createDomain();
  domain.attach(new TestMapper(), "0000:01:00.0");
  return new Dma({ domain, memory: new ShareableSource() });
}

/** Counts what is mapped and not given back. */
function counting() {
  const open = new Set<object>();
  const map: typeof mapSharedMemory = (shared, ended) => {
    const view = mapSharedMemory(shared, ended);
    const close = view.close.bind(view);
    view.close = () => {
      close();
      open.delete(view);
    };
    open.add(view);
    return view;
  };
  return { open, map };
}

const kinds = {
  pool: {
    offer: () => opened().poolSync({ elementSize: 100, count: 70, label: "rx" }).share() as Offer,
    adopt: (offer: unknown, map = mapSharedMemory) => adoptPool(offer as never, map),
  },
  ring: {
    offer: () => opened().ringSync({ elementSize: 16, count: 64, label: "tx" }).share() as unknown as Offer,
    adopt: (offer: unknown, map = mapSharedMemory) => adoptRing(offer as never, map),
  },
} as const;

const layoutFields = ["elementSize", "count", "stride", "perBlock", "gap", "size", "alignment"] as const;

describe.each(["pool", "ring"] as const)("a shared %s that was tampered with", (kind) => {
  const { offer, adopt } = kinds[kind];
  const { open, map } = counting();

  it("is refused whatever is missing or of another type, and nothing is mapped", () => {
    const good = offer();
    const with_ = (part: object) => adopt({ ...good, ...part }, map);
    const inLayout = (part: object) => with_({ layout: { ...good.layout, ...part } });
    const inBuffer = (part: object) => with_({ buffer: { ...good.buffer, ...part } });
    const labels = oddValues.filter((value) => typeof value !== "string");
    const addresses = oddValues.filter((value) => value !== 0n && value !== 1n);
    const wrong = [
      ...wrongAnswers({
        offer: (odd) => adopt(odd, map),
        type: (odd) => with_({ type: odd }),
        layout: (odd) => with_({ layout: odd }),
        buffer: (odd) => with_({ buffer: odd }),
        words: (odd) => with_({ words: odd }),
        "buffer.offset": (odd) => inBuffer({ offset: odd }),
        "buffer.size": (odd) => inBuffer({ size: odd }),
      }),
      ...wrongAnswers({ label: (odd) => inBuffer({ label: odd }) }, labels),
      ...wrongAnswers({ iova: (odd) => inBuffer({ iova: odd }) }, addresses),
      ...layoutFields.flatMap((field) => wrongAnswers({ [field]: (odd) => inLayout({ [field]: odd }) })),
      ...wrongAnswers(
        {
          state: (size) => with_({ words: new SharedArrayBuffer(size) }),
        },
        [0, 4, 131, good.words.byteLength - 4, good.words.byteLength + 4],
      ),
    ];
    expect([wrong, open.size]).toEqual([[], 0]);
    const own = kind === "pool" ? "zero" : "capacity";
    const rest = oddValues.filter((value) => kind === "ring" || typeof value !== "boolean");
    expect(wrongAnswers({ [own]: (odd) => with_({ [own]: odd }) }, rest)).toEqual([]);
    adopt(good, map).closeSync();
    expect(open.size).toBe(0);
  });

  it("has its elements inside the memory and apart from each other, or is refused", () => {
    const number = fc.oneof(fc.integer({ min: -2, max: 300 }), fc.constantFrom(2 ** 24, 2 ** 32, 2 ** 40));
    const changes = fc.dictionary(fc.constantFrom(...layoutFields), number, { maxKeys: 3 });
    fc.assert(
      fc.property(changes, (change) => {
        const good = offer();
        const layout: ElementLayout = { ...good.layout, ...change };
        let adopted: ReturnType<typeof adopt> | undefined;
        try {
          adopted = adopt({ ...good, layout }, map);
        } catch (error) {
          expect(error).toEqual(failing("ERR_INVALID_ARGUMENT", /not a shared DMA (pool|ring): /));
        }
        let end = 0;
        for (let i = 0; i < (adopted?.count ?? 0); i++) {
          expect(adopted!.offset(i)).toBeGreaterThanOrEqual(end);
          end = adopted!.offset(i) + adopted!.elementSize;
          expect(adopted!.element(i)).toHaveLength(adopted!.elementSize);
        }
        expect(end).toBeLessThanOrEqual(good.buffer.size);
        adopted?.closeSync();
        expect(open.size).toBe(0);
      }),
    );
  });

  it("is looked at once: what it shows at the next look does not count", () => {
    const good = offer();
    const { count: _count, ...others } = good.layout;
    const adopted = adopt({
      ...good,
      layout: Object.defineProperties(changing("count", good.layout.count, 2 ** 24), {
        ...Object.getOwnPropertyDescriptors(others),
      }),
    });
    expect(adopted.count).toBe(good.layout.count);
    adopted.closeSync();
  });

  it("is given back when it turns out to be closed while it is mapped", () => {
    const good = offer();
    const told = failing("ERR_CLOSED", /closed by the thread that made it/);
    const whileMapped: typeof mapSharedMemory = (shared, ended) => {
      const view = map(shared, ended);
      Atomics.store(new Int32Array(good.words), 0, 1);
      return view;
    };
    expect(() => adopt(good, whileMapped)).toThrow(told);
    expect(open.size).toBe(0);
  });

  it("is not adopted by what maps nothing, or maps later", () => {
    for (const map of [() => undefined, () => null, () => 5, async () => mapSharedMemory]) {
      expect(() => adopt(offer(), map as never)).toThrow(
        failing("ERR_INVALID_ARGUMENT", /what mapSharedMemory gave (must be an object|has no close)/),
      );
    }
  });

  it("lets the caller's own error through as the cause", () => {
    const hidden = new Proxy(offer(), {
      get() {
        throw new HostileError("not yours");
      },
    });
    expect(() => adopt(hidden)).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_ARGUMENT", cause: expect.any(HostileError) }),
    );
  });
});

it("a shared ring of a count that is no power of two is refused", () => {
  const good = kinds.ring.offer();
  const layout = { ...good.layout, count: 63, perBlock: 63, size: 63 * 16 };
  expect(() => kinds.ring.adopt({ ...good, layout, capacity: 62 })).toThrow(
    failing("ERR_INVALID_ARGUMENT", /count is 63, not a power of two/),
  );
});

describe("elements whose bytes were transferred", () => {
  const gone = (buffer: ArrayBuffer): void => void structuredClone(buffer, { transfer: [buffer] });

  it("are not taken to be filled with zeros, and none is lost", () => {
    const pool = opened().poolSync({ elementSize: 64, count: 4, label: "rx" });
    const kept = pool.get();
    const view = pool.element(kept);
    gone(pool.bytes.buffer);
    const told = failing("ERR_CLOSED", /bytes of DMA pool "rx" were transferred/);
    expect(() => pool.get()).toThrow(told);
    expect(() => pool.tryGet()).toThrow(told);
    expect(pool.inUse).toBe(1);
    expect([view.length, pool.element(kept).length, pool.element(3).length]).toEqual([0, 0, 0]);
    pool.put(kept);
    pool.closeSync();
    expect(pool.closed).toBe(true);
  });

  it("are taken where they need no zeros: the device still sees them", () => {
    const pool = opened().poolSync({ elementSize: 64, count: 4, zero: false });
    gone(pool.bytes.buffer);
    const index = pool.get();
    expect([index, pool.element(index).length, typeof pool.iova(index)]).toEqual([0, 0, "bigint"]);
  });

  it("are not begun anew, and a ring keeps its indexes", () => {
    const ring = opened().ringSync({ elementSize: 16, count: 8 });
    ring.produce(3);
    gone(ring.bytes.buffer);
    expect(() => ring.reset()).toThrow(failing("ERR_CLOSED", /were transferred/));
    expect(ring.used).toBe(3);
  });
});
