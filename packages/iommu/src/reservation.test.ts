import { type DmaMapper, type DmaMapping, type IommuDomain, toIova } from "@userpci/interface";
import { failing } from "@userpci/interface/testing";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { createDomain } from "./domain.ts";
import { MemoryMapper } from "./memory-mapper.ts";
import { holdWindow } from "./share.ts";
import { TestMemory } from "./testing/memory.ts";

const K = 4096;
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

/** A process that owns a device, and another that got the descriptor and a window of addresses. */
class Processes {
  readonly iommu = new MemoryMapper({ ranges: [{ start: 0x1000n, last: 0x7_ffffn }] });
  readonly owner = createDomain({ label: "owner" });
  readonly #device = this.owner.attach(new Handle(this.iommu), "a");
  readonly window = this.owner.reserve(32 * K, { label: "guest" });
  readonly guest = createDomain({ label: "guest", ranges: [this.window.range] });
  readonly #membership = this.guest.attach(new Handle(this.iommu), "a");
  readonly live: { domain: IommuDomain; mapping: DmaMapping }[] = [];

  map(domain: IommuDomain, pages: number): void {
    try {
      this.live.push({ domain, mapping: domain.mapSync(new TestMemory(pages * K, K, false)) });
    } catch (error) {
      expect(error).toEqual(failing("ERR_IOVA_EXHAUSTED"));
    }
  }

  unmap(pick: number): void {
    this.live.splice(pick % Math.max(1, this.live.length), 1)[0]?.mapping.unmapSync();
  }

  check(): void {
    const { start, last } = this.window.range;
    for (const { domain, mapping } of this.live) {
      const inside = start <= mapping.iova && mapping.iova + BigInt(mapping.size) - 1n <= last;
      expect(inside).toBe(domain === this.guest);
    }
    expect(this.iommu.size).toBe(this.live.length);
  }

  close(guestFirst: boolean): void {
    this.#device.detach();
    this.#membership.detach();
    const order = [this.guest, this.owner];
    for (const domain of guestFirst ? order : order.reverse()) domain.closeSync();
  }
}

describe("two domains over one IOMMU, one of them in what the other reserves", () => {
  it("never meet, whatever each maps, and either may close first", () => {
    const step = fc.record({
      kind: fc.constantFrom("owner", "guest", "unmap"),
      pages: fc.integer({ min: 1, max: 5 }),
      pick: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.boolean(), (steps, guestFirst) => {
        const processes = new Processes();
        for (const { kind, pages, pick } of steps) {
          if (kind === "unmap") processes.unmap(pick);
          else processes.map(kind === "guest" ? processes.guest : processes.owner, pages);
        }
        processes.check();
        processes.close(guestFirst);
        expect(processes.iommu.size).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});

const kernel = { kind: "vfio-container", fd: 21 } as const;

describe("a domain for another process", () => {
  it("is what it may use, and the descriptors to map through", () => {
    const domain = createDomain();
    domain.attach(Object.assign(new MemoryMapper(), { share: () => kernel }), "a");
    const window = domain.reserve(4 * K, { label: "process 7" });
    expect(domain.share(window)).toEqual({ ranges: [window.range], pageSize: K, mappers: [kernel] });
    window.close();
    expect(() => domain.share(window)).toThrow(failing("ERR_CLOSED"));
    expect(() => domain.share(5 as never)).toThrow(failing("ERR_INVALID_ARGUMENT"));
  });

  it("is refused where a device is not behind the kernel's IOMMU, and for another domain's addresses", () => {
    const domain = createDomain();
    domain.attach(Object.assign(new MemoryMapper(), { share: () => kernel }), "a");
    domain.attach(new MemoryMapper({ name: "peer" }), "b");
    const window = domain.reserve(K);
    expect(() => domain.share(window)).toThrow(
      expect.objectContaining({
        code: "ERR_NOT_SUPPORTED",
        message: expect.stringMatching(/^peer has no descriptor/),
      }),
    );
    const other = createDomain();
    expect(() => other.share(window)).toThrow(failing("ERR_DOMAIN_EMPTY"));
    other.attach(Object.assign(new MemoryMapper(), { share: () => kernel }), "a");
    expect(() => other.share(window)).toThrow(failing("ERR_CLOSED"));
  });
});

describe("a window that another process has", () => {
  function shared() {
    const domain = createDomain();
    const mapper = Object.assign(new MemoryMapper(), { share: () => kernel, sweepSync: vi.fn() });
    domain.attach(mapper, "a");
    const window = domain.reserve(4 * K, { label: "process 7" });
    const mapThere = () => domain.mapSync(new TestMemory(K), { iova: window.iova });
    return { domain, mapper, window, mapThere, share: domain.share(window) };
  }

  it("is emptied when it is closed, and given out again when the last such process has gone", () => {
    const { domain, mapper, window, mapThere, share } = shared();
    const gone = [share, share, domain.share(window)].map(holdWindow);
    gone.pop()!();
    window.close();
    expect([window.closed, mapper.sweepSync.mock.calls]).toEqual([true, [[window.iova, 4 * K]]]);
    expect(mapThere).toThrow(failing("ERR_IOVA_OVERLAP"));
    for (const tell of [gone[0]!, gone[0]!]) tell();
    expect(mapThere).toThrow(failing("ERR_IOVA_OVERLAP"));
    gone[1]!();
    expect(mapper.sweepSync).toHaveBeenCalledTimes(2);
    expect(mapThere().iova).toBe(window.iova);
    expect(domain.mappedBytes).toBe(K);
  });

  it("is given out when it is closed, where they had gone before, or nobody was told of", () => {
    const { window, mapThere, share } = shared();
    holdWindow(share)();
    holdWindow({ ...share });
    window.close();
    expect(mapThere().iova).toBe(window.iova);
  });

  it("cannot be given to another process once it is closed", () => {
    const { window, share } = shared();
    window.close();
    expect(() => holdWindow(share)).toThrow(failing("ERR_CLOSED"));
  });

  it("is nobody's any more when its domain is closed, whoever goes later", () => {
    const domain = createDomain();
    const mapper = Object.assign(new MemoryMapper(), { share: () => kernel, sweepSync: vi.fn() });
    const attachment = domain.attach(mapper, "a");
    const window = domain.reserve(K);
    const gone = holdWindow(domain.share(window));
    window.close();
    attachment.detach();
    domain.closeSync();
    gone();
    expect(mapper.sweepSync).toHaveBeenCalledTimes(1);
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

  it.each([
    [
      { dirtyTracking: true },
      "createDomain alone makes no domain with dirtyTracking",
      /backend\.createDomain\(\{ dirtyTracking: true/,
    ],
    [
      { guards: 1 },
      'createDomain has no option "guards"',
      /label, guard, addressBits, ranges, history, onMappingsLow/,
    ],
  ])("is not made of %o, which it would ignore", (options: object, message, hint) => {
    const refused = { code: "ERR_INVALID_ARGUMENT", message: expect.stringContaining(message) };
    expect(() => createDomain(options)).toThrow(
      expect.objectContaining({ ...refused, hint: expect.stringMatching(hint) }),
    );
    expect(() => createDomain({ guard: undefined, dirtyTracking: undefined } as object)).not.toThrow();
  });
});
