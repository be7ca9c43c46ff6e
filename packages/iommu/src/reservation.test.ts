import { type DmaMapper, type DmaMapping, type IommuDomain, toIova } from "@userpci/interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDomain } from "./domain.ts";
import { MemoryMapper } from "./memory-mapper.ts";
import { TestMemory } from "./testing/memory.ts";

const K = 4096;
const failing = (code: string) => expect.objectContaining({ code, hint: expect.stringMatching(/./) });

function opened() {
  const domain = createDomain({ label: "lab" });
  const mapper = new MemoryMapper({ ranges: [{ start: 0n, last: 0xf_ffffn }] });
  const attachment = domain.attach(mapper, "a");
  return { domain, mapper, attachment };
}

describe("a reservation", () => {
  it("keeps addresses free of mappings until it is closed", () => {
    const { domain, mapper } = opened();
    const kept = domain.reserve(3 * K + 1, { label: "process 7", addressBits: 32 });
    expect(kept.size).toBe(4 * K);
    expect(kept.range).toEqual({ start: kept.iova, last: kept.iova + BigInt(4 * K) - 1n });
    expect([mapper.size, domain.mappedBytes, domain.budget.used, [...domain.mappings()]]).toEqual([
      0,
      0,
      0,
      [],
    ]);
    expect(domain.find(kept.iova)).toBeUndefined();
    const there = { iova: toIova(kept.iova + BigInt(K)) };
    expect(() => domain.mapSync(new TestMemory(K), there)).toThrow(
      expect.objectContaining({
        code: "ERR_IOVA_OVERLAP",
        message: expect.stringMatching(/overlaps "process 7", reserved at 0x1000-0x4fff/),
      }),
    );
    kept.close();
    kept[Symbol.dispose]();
    expect(kept.closed).toBe(true);
    expect(domain.mapSync(new TestMemory(K), there).iova).toBe(there.iova);
  });

  it("lies where it was asked for, within what the device can drive", () => {
    const { domain } = opened();
    expect(domain.reserve(K, { iova: toIova(0x8000) }).iova).toBe(0x8000n);
    expect(domain.reserve(K, { alignment: 2 ** 16 }).iova % 0x1_0000n).toBe(0n);
    expect(domain.reserve(K, { addressBits: 14 }).iova).toBeLessThan(0x4000n);
    expect(() => domain.reserve(K, { iova: toIova(0x8000) })).toThrow(failing("ERR_IOVA_OVERLAP"));
    expect(() => domain.reserve(2 ** 30)).toThrow(failing("ERR_IOVA_RANGE"));
    expect(() => domain.reserve(0)).toThrow(failing("ERR_OUT_OF_RANGE"));
  });

  it("needs an address space, and ends with it", () => {
    expect(() => createDomain().reserve(K)).toThrow(failing("ERR_DOMAIN_EMPTY"));
    const { domain, attachment } = opened();
    const kept = domain.reserve(K);
    attachment.detach();
    domain.closeSync();
    kept.close();
    expect(() => domain.reserve(K)).toThrow(failing("ERR_CLOSED"));
  });

  it("stands in the way of a device that cannot address it", () => {
    const { domain } = opened();
    domain.reserve(K, { iova: toIova(0x8000), label: "process 7" });
    const narrow = new MemoryMapper({ ranges: [{ start: 0n, last: 0x7fffn }] });
    expect(() => domain.attach(narrow, "b")).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/"process 7", reserved at 0x8000-0x8fff/) }),
    );
  });
});

/** What another process holds of one IOMMU: it maps into the same table, and takes along only what it mapped. */
class Handle implements DmaMapper {
  readonly name = "handle";
  readonly #iommu: MemoryMapper;
  readonly #own = new Map<bigint, number>();

  constructor(iommu: MemoryMapper) {
    this.#iommu = iommu;
  }

  limits() {
    return this.#iommu.limits();
  }
  async map(request: Parameters<DmaMapper["mapSync"]>[0]): Promise<void> {
    this.mapSync(request);
  }
  mapSync(request: Parameters<DmaMapper["mapSync"]>[0]): void {
    this.#iommu.mapSync(request);
    this.#own.set(request.iova, request.size);
  }
  async unmap(iova: bigint, size: number): Promise<void> {
    this.unmapSync(iova, size);
  }
  unmapSync(iova: bigint, size: number): void {
    this.#iommu.unmapSync(iova, size);
    this.#own.delete(iova);
  }
  close(): void {
    for (const [iova, size] of this.#own) this.#iommu.unmapSync(iova, size);
  }
}

describe("two domains over one IOMMU, one of them in what the other reserves", () => {
  it("never meet, whatever each maps, and either may close first", () => {
    const step = fc.record({
      guest: fc.boolean(),
      pages: fc.integer({ min: 1, max: 5 }),
      drop: fc.boolean(),
      pick: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.boolean(), (steps, guestFirst) => {
        const iommu = new MemoryMapper({ ranges: [{ start: 0x1000n, last: 0x7_ffffn }] });
        const owner = createDomain({ label: "owner" });
        const device = owner.attach(new Handle(iommu), "a");
        const window = owner.reserve(32 * K, { label: "guest" });
        const guest = createDomain({ label: "guest", ranges: [window.range] });
        const membership = guest.attach(new Handle(iommu), "a");
        const live: { domain: IommuDomain; mapping: DmaMapping }[] = [];
        for (const { guest: isGuest, pages, drop, pick } of steps) {
          if (drop) {
            live.splice(pick % Math.max(1, live.length), 1)[0]?.mapping.unmapSync();
            continue;
          }
          const domain = isGuest ? guest : owner;
          try {
            live.push({ domain, mapping: domain.mapSync(new TestMemory(pages * K, K, false)) });
          } catch (error) {
            expect(error).toEqual(failing("ERR_IOVA_EXHAUSTED"));
          }
        }
        const inside = ({ iova, size }: DmaMapping) =>
          window.range.start <= iova && iova + BigInt(size) - 1n <= window.range.last;
        for (const { domain, mapping } of live) expect(inside(mapping)).toBe(domain === guest);
        expect(iommu.size).toBe(live.length);
        device.detach();
        membership.detach();
        for (const domain of guestFirst ? [guest, owner] : [owner, guest]) domain.closeSync();
        expect(iommu.size).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});

describe("a domain that may use only a part of what its devices allow", () => {
  it("stays in its ranges and its width, also for addresses by name", () => {
    const domain = createDomain({ ranges: [{ start: 0x4000n, last: 0x7fffn }], addressBits: 15 });
    domain.attach(new MemoryMapper(), "a");
    expect(domain.ranges).toEqual([{ start: 0x4000n, last: 0x7fffn }]);
    expect(domain.mapSync(new TestMemory(K)).iova).toBe(0x4000n);
    expect(() => domain.mapSync(new TestMemory(K), { iova: toIova(0x8000) })).toThrow(
      failing("ERR_IOVA_RANGE"),
    );
    const narrow = createDomain({ addressBits: 28 });
    narrow.attach(new MemoryMapper(), "edu");
    expect(narrow.ranges).toEqual([{ start: 0n, last: 0xfff_ffffn }]);
  });

  it("takes no device that allows nothing of it", () => {
    const domain = createDomain({ ranges: [{ start: 0x4000n, last: 0x7fffn }] });
    const mapper = new MemoryMapper({ ranges: [{ start: 0x8000n, last: 0xffffn }] });
    expect(() => domain.attach(mapper, "a")).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/0x8000-0xffff has nothing in common with 0x4000-0x7fff/),
      }),
    );
  });

  it.each<[object, string]>([
    [{ ranges: 5 }, "ERR_INVALID_ARGUMENT"],
    [{ addressBits: 65 }, "ERR_OUT_OF_RANGE"],
    [{ addressBits: 11 }, "ERR_OUT_OF_RANGE"],
    [{ history: -1 }, "ERR_OUT_OF_RANGE"],
    [{ history: 2 ** 20 }, "ERR_OUT_OF_RANGE"],
    [{ onMappingsLow: "soon" }, "ERR_INVALID_ARGUMENT"],
    [{ guard: -1 }, "ERR_OUT_OF_RANGE"],
    [{ label: 7 }, "ERR_INVALID_ARGUMENT"],
  ])("is not made of %o", (options, code) => {
    expect(() => createDomain(options)).toThrow(failing(code));
  });
});
