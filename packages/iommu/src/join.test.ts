import { setImmediate as turn } from "node:timers/promises";
import { type DmaMapping, type MapOptions, PciError, toIova } from "@userpci/interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDomain } from "./domain.ts";
import { TestMemory } from "./testing/memory.ts";
import { SlowMapper } from "./testing/slow-mapper.ts";

const K = 4096;

function opened(mapper = new SlowMapper({ name: "container" })) {
  const domain = createDomain({ label: "lab" });
  const attachment = domain.attach(mapper, "a");
  const memory = new TestMemory(8 * K);
  const part = (page: number, pages = 1, options: MapOptions = {}) =>
    domain.mapSync(memory, {
      offset: page * K,
      size: pages * K,
      join: true,
      label: `page ${page}`,
      ...options,
    });
  return { domain, mapper, memory, part, attachment };
}

describe("joined parts of one memory", () => {
  it("take one mapping of the IOMMU, and lie side by side as in the memory", () => {
    const { domain, mapper, memory, part } = opened();
    const parts = [part(3), part(0), part(1, 2)];
    expect([mapper.size, domain.budget.used, memory.users, domain.mappedBytes]).toEqual([1, 1, 1, 8 * K]);
    expect(parts.map(({ iova }) => Number(iova - parts[1]!.iova) / K)).toEqual([3, 0, 1]);
    expect([...domain.mappings()].map(({ label }) => label)).toEqual(["page 0", "page 1", "page 3"]);
    new Uint8Array(memory.buffer)[3 * K + 5] = 9;
    expect(mapper.translate(parts[0]!.iova + 5n, 1, "to-device").slices[0]![0]).toBe(9);
  });

  it("are found by their addresses and by their memory", () => {
    const { domain, memory, part } = opened();
    const [first, third] = [part(0), part(2)];
    expect(domain.find(third.iova + 7n)).toBe(third);
    expect(domain.find(first.iova + BigInt(K))).toBeUndefined();
    expect(domain.iovaOf(memory, 2 * K + 7)).toBe(third.iova + 7n);
    expect(domain.explain(first.iova + BigInt(K)).message).toMatch(
      /memory that is mapped as a whole for its parts, first for "page 0"/,
    );
    expect(domain.explain(third.iova)).toMatchObject({ state: "mapped", mapping: { label: "page 2" } });
  });

  it("are taken from the device with the last of them, and remembered one by one", async () => {
    const { domain, mapper, memory, part } = opened();
    const [a, b] = [part(0), part(1)];
    await a.unmap();
    await a.unmap();
    expect([a.closed, b.closed, mapper.size]).toEqual([true, false, 1]);
    b[Symbol.dispose]();
    expect([b.closed, mapper.size, memory.users, domain.mappedBytes]).toEqual([true, 0, 0, 0]);
    expect(domain.explain(a.iova).message).toMatch(/was in "page 0"/);
    expect(domain.explain(b.iova).message).toMatch(/was in "page 1"/);
    expect(part(5).closed).toBe(false);
    memory.release();
  });

  it.each<[string, number, MapOptions]>([
    ["meets another part", 0, {}],
    ["has another direction, which makes a second whole", 1, { direction: "to-device" }],
    ["is wanted at another address", 1, { iova: toIova(0x80_0000) }],
    ["is wanted at an alignment that the whole has not", 1, { alignment: 2 ** 16 }],
    ["is for a device that the whole is out of reach of", 1, { addressBits: 28 }],
  ])("are mapped by themselves where one %s", (_, page, options) => {
    const { mapper, part } = opened();
    part(0);
    const other = part(page, 1, options);
    expect([mapper.size, other.closed]).toEqual([2, false]);
    other.unmapSync();
    expect(mapper.size).toBe(1);
  });

  it("are mapped by themselves where the whole does not fit", () => {
    const { domain, mapper, part } = opened(new SlowMapper({ ranges: [{ start: 0x1000n, last: 0x4fffn }] }));
    const one = part(6);
    expect([mapper.size, one.size, domain.mappedBytes]).toEqual([1, K, K]);
  });

  it("have the address that the first asks for, with the whole around it", () => {
    const { part } = opened();
    expect(part(2, 1, { iova: toIova(0x1_2000) }).iova).toBe(0x1_2000n);
    expect(part(0).iova).toBe(0x1_0000n);
  });

  it("share one call when several are mapped at once, and not with a synchronous one meanwhile", async () => {
    const { domain, mapper, memory } = opened();
    mapper.hold();
    const map = (page: number) => domain.map(memory, { offset: page * K, size: K, join: true });
    const pending = [map(0), map(1)];
    const own = domain.mapSync(memory, { offset: 2 * K, size: K, join: true });
    expect(mapper.size).toBe(1);
    mapper.letGo();
    const parts = await Promise.all(pending);
    expect([mapper.size, Number(parts[1]!.iova - parts[0]!.iova)]).toEqual([2, K]);
    own.unmapSync();
    await Promise.all(parts.map((part) => part.unmap()));
    expect([mapper.size, memory.users]).toEqual([0, 0]);
  });

  it("do not come back to a whole that is leaving", async () => {
    const { mapper, memory, part } = opened();
    const last = part(0);
    mapper.hold();
    const leaving = last.unmap();
    const next = part(1);
    mapper.letGo();
    await leaving;
    expect([mapper.size, next.closed, last.closed, memory.users]).toEqual([1, false, true, 1]);
  });

  it.each([true, false])("stay until the IOMMU lets go (sync: %s)", async (sync) => {
    const { domain, mapper, part } = opened();
    const last = part(0);
    mapper.unmapError = new PciError("EIO", "stuck");
    if (sync) expect(() => last.unmapSync()).toThrow(mapper.unmapError);
    else await expect(last.unmap()).rejects.toBe(mapper.unmapError);
    expect([last.closed, [...domain.mappings()]]).toEqual([false, [last]]);
    mapper.unmapError = undefined;
    last.unmapSync();
    expect([last.closed, mapper.size]).toEqual([true, 0]);
  });

  it("reject with the IOMMU's refusal, and leave nothing", async () => {
    const { domain, mapper, memory, part } = opened();
    mapper.mapError = new PciError("ENOMEM", "no memory for page tables");
    expect(() => part(0)).toThrow(mapper.mapError);
    await expect(domain.map(memory, { size: K, join: true })).rejects.toBe(mapper.mapError);
    expect([mapper.size, memory.users, domain.budget.used]).toEqual([0, 0, 0]);
  });

  it("close with the domain", async () => {
    const { domain, memory, part, attachment } = opened();
    const parts = [part(0), part(1)];
    attachment.detach();
    await domain.close();
    expect([parts.map(({ closed }) => closed), memory.users]).toEqual([[true, true], 0]);
    for (const each of parts) each.unmapSync();
    await turn();
  });

  it("map and unmap in any order without loss: the device sees the memory exactly while a part lives", () => {
    const step = fc.record({ page: fc.nat(7), pages: fc.integer({ min: 1, max: 3 }), drop: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { domain, mapper, memory, part } = opened();
        const live: DmaMapping[] = [];
        for (const { page, pages, drop } of steps) {
          if (drop) live.splice(page % Math.max(1, live.length), 1)[0]?.unmapSync();
          else live.push(part(page, Math.min(pages, 8 - page)));
          const missed = live.filter(
            ({ iova }) => mapper.translate(iova, 1, "to-device").fault !== undefined,
          );
          expect(missed).toEqual([]);
          expect([...domain.mappings()].length).toBe(live.length);
        }
        for (const each of live) each.unmapSync();
        expect([mapper.size, memory.users, domain.mappedBytes, domain.budget.used]).toEqual([0, 0, 0, 0]);
      }),
      { numRuns: 60 },
    );
  });
});

describe("20,000 buffers of one memory", () => {
  it("fit an IOMMU that holds a handful of mappings", () => {
    const { domain } = opened(new SlowMapper({ maxMappings: 3 }));
    const memory = new TestMemory(20_000 * K, K, false);
    const parts = Array.from({ length: 20_000 }, (_, i) =>
      domain.mapSync(memory, { offset: i * K, size: K, join: true }),
    );
    expect(domain.budget).toEqual({ used: 1, limit: 3 });
    for (const each of parts) each.unmapSync();
    expect(domain.budget.used).toBe(0);
  });
});
