import { setImmediate as turn } from "node:timers/promises";
import { type DmaMapping, MAX_IOVA, type MappingBudget, PciError, toIova } from "@userpci/interface";
import { describe, expect, it } from "vitest";
import { createDomain } from "./domain.ts";
import { MemoryMapper } from "./memory-mapper.ts";
import { TestMemory } from "./testing/memory.ts";
import { SlowMapper } from "./testing/slow-mapper.ts";

const K = 4096;

function opened(maxMappings: number) {
  const told: MappingBudget[] = [];
  const domain = createDomain({ onMappingsLow: (budget) => told.push(budget) });
  const mapper = new SlowMapper({ name: "container", maxMappings });
  const attachment = domain.attach(mapper, "a");
  const map = (count: number): DmaMapping[] =>
    Array.from({ length: count }, () => domain.mapSync(new TestMemory(K)));
  return { domain, mapper, attachment, told, map };
}

/** What another process, or another domain over the same IOMMU, maps there. */
function others(mapper: MemoryMapper, count: number): void {
  const request = { memory: new TestMemory(K), offset: 0, size: K, direction: "to-device" } as const;
  for (let i = 0; i < count; i++) mapper.mapSync({ ...request, iova: toIova(2 ** 40 + mapper.size * K) });
}

describe("the budget of mappings", () => {
  it("counts what is mapped against what the mapper may hold", () => {
    const { domain, map } = opened(10);
    expect(domain.budget).toEqual({ used: 0, limit: 10 });
    const [first] = map(3);
    expect(domain.budget).toEqual({ used: 3, limit: 10 });
    first!.unmapSync();
    expect(domain.budget).toEqual({ used: 2, limit: 10 });
  });

  it("is that of the mapper that may hold the fewest, and has no limit where none counts", () => {
    const { domain, map } = opened(10);
    map(2);
    domain.attach(new MemoryMapper({ maxMappings: 4 }), "b");
    domain.attach(new MemoryMapper(), "c");
    expect(domain.budget).toEqual({ used: 2, limit: 4 });
    const free = createDomain();
    free.attach(new MemoryMapper(), "a");
    free.mapSync(new TestMemory(K));
    expect(free.budget).toEqual({ used: 1, limit: undefined });
  });

  it("does not keep a device out when a mapper that is lost cannot tell", () => {
    const { domain, mapper } = opened(10);
    mapper.limits = () => {
      throw new PciError("EINVAL", "the container has lost its groups");
    };
    const other = new MemoryMapper({ maxMappings: 4 });
    domain.attach(other, "b");
    expect([domain.attached, domain.budget]).toEqual([2, { used: 0, limit: 4 }]);
    expect(() => domain.attach(mapper, "c")).toThrow(expect.objectContaining({ code: "EINVAL" }));
    expect(domain.attached).toBe(2);
  });

  it("warns once at four fifths, and again after it had fallen well below", async () => {
    const { told, map } = opened(10);
    const mappings = map(7);
    await turn();
    expect(told).toEqual([]);
    mappings.push(...map(1));
    expect(told).toEqual([]);
    await turn();
    expect(told).toEqual([{ used: 8, limit: 10 }]);
    map(1)[0]!.unmapSync();
    map(1)[0]!.unmapSync();
    await turn();
    expect(told.length).toBe(1);
    for (const mapping of mappings.splice(0, 4)) mapping.unmapSync();
    map(4);
    await turn();
    expect(told.length).toBe(2);
  });

  it("ends with an error that has the numbers, and is whole again after an unmap", async () => {
    const { domain, mapper, map } = opened(4);
    const mappings = map(4);
    const memory = new TestMemory(K);
    const full = expect.objectContaining({
      code: "ERR_MAPPING_LIMIT",
      message: "container holds 4 mappings, and may hold 4",
      hint: expect.stringContaining("join: true"),
      details: { used: 4, limit: 4 },
    });
    expect(() => domain.mapSync(memory)).toThrow(full);
    await expect(domain.map(memory)).rejects.toEqual(full);
    expect([mapper.size, memory.users, domain.budget.used]).toEqual([4, 0, 4]);
    mappings[0]!.unmapSync();
    domain.mapSync(memory);
    expect(mapper.size).toBe(4);
  });

  it("asks the mapper again before it gives up: somebody else may have given mappings back", () => {
    const mapper = new MemoryMapper({ maxMappings: 4 });
    const request = { memory: new TestMemory(K), offset: 0, size: K, direction: "to-device" } as const;
    const iova = 0x10_0000n as DmaMapping["iova"];
    mapper.mapSync({ ...request, iova });
    const domain = createDomain({ ranges: [{ start: 0x1000n, last: 0xffffn }] });
    domain.attach(mapper, "a");
    expect(domain.budget.limit).toBe(3);
    for (let i = 0; i < 3; i++) domain.mapSync(new TestMemory(K));
    mapper.unmapSync(iova, K);
    domain.mapSync(new TestMemory(K));
    expect(domain.budget).toEqual({ used: 4, limit: 4 });
  });

  it("says what is left now, when others have mapped too", () => {
    const { domain, mapper, map } = opened(100);
    map(20);
    others(mapper, 60);
    expect(domain.budget).toEqual({ used: 20, limit: 40 });
  });

  it("is not used up by mappings that fail", async () => {
    const { domain, mapper } = opened(4);
    mapper.mapError = new PciError("ENOMEM", "no memory for page tables");
    for (let i = 0; i < 10; i++) {
      expect(() => domain.mapSync(new TestMemory(K))).toThrow(mapper.mapError);
      await expect(domain.map(new TestMemory(K))).rejects.toBe(mapper.mapError);
      expect(() => domain.mapSync(new TestMemory(K), { iova: MAX_IOVA as DmaMapping["iova"] })).toThrow();
    }
    expect(domain.budget.used).toBe(0);
  });
});

describe("the budget of an IOMMU that others map into too", () => {
  it.each(["map", "mapSync"] as const)(
    "is found out, and warned of, at the latest when it refuses (%s)",
    async (how) => {
      const { domain, mapper, told, map } = opened(100);
      others(mapper, 60);
      map(40);
      const refused = expect.objectContaining({ code: "ERR_MAPPING_LIMIT" });
      await expect((async () => domain[how](new TestMemory(K)))()).rejects.toEqual(refused);
      await turn();
      expect(told).toEqual([{ used: 40, limit: 40 }]);
      expect(domain.budget).toEqual({ used: 40, limit: 40 });
    },
  );

  it("is warned of in time once addresses were reserved for them", async () => {
    const { domain, mapper, told, map } = opened(100);
    domain.reserve(64 * K);
    others(mapper, 60);
    map(31);
    await turn();
    expect(told).toEqual([]);
    map(1);
    await turn();
    expect(told).toEqual([{ used: 32, limit: 40 }]);
    map(8);
    expect(() => domain.mapSync(new TestMemory(K))).toThrow(
      expect.objectContaining({
        code: "ERR_MAPPING_LIMIT",
        message: "container holds 40 mappings, and may hold 40 beside those of others",
      }),
    );
  });

  it("is warned of in time by a domain that has a part of the addresses", async () => {
    const told: MappingBudget[] = [];
    const mapper = new MemoryMapper({ maxMappings: 10_000 });
    const domain = createDomain({
      ranges: [{ start: 0n, last: 0xffff_ffffn }],
      onMappingsLow: (budget) => told.push(budget),
    });
    domain.attach(mapper, "a");
    const mapping = domain.mapSync(new TestMemory(K));
    others(mapper, 9_998);
    mapping.unmapSync();
    // The same few over and over, as a driver does that maps each transfer.
    for (let i = 0; i < 1000; i++) domain.mapSync(new TestMemory(K)).unmapSync();
    await turn();
    expect(told).toEqual([]);
    domain.mapSync(new TestMemory(K));
    domain.mapSync(new TestMemory(K));
    await turn();
    expect(told).toEqual([{ used: 2, limit: 2 }]);
  });

  it("is warned of again when they have given back, and taken, what they had", async () => {
    const { domain, mapper, told, map } = opened(100);
    domain.reserve(64 * K);
    map(40);
    others(mapper, 50);
    expect(domain.budget).toEqual({ used: 40, limit: 50 });
    map(1);
    await turn();
    expect(told).toEqual([{ used: 41, limit: 50 }]);
    for (let i = 0; i < 50; i++) mapper.unmapSync(toIova(2 ** 40 + (40 + i) * K), K);
    expect(domain.budget.limit).toBe(100);
    others(mapper, 50);
    map(5);
    await turn();
    expect(told.length).toBe(2);
  });

  it("is asked for now and then, and not at each mapping, while there is room", () => {
    const { domain, mapper, map } = opened(50_000);
    let asked = 0;
    const { limits } = mapper;
    mapper.limits = () => {
      asked += 1;
      return limits.call(mapper);
    };
    map(10_000);
    expect(asked).toBe(0);
    domain.reserve(64 * K);
    map(10_000);
    expect(asked).toBeLessThan(13);
  });

  it("may be asked of a mapper that closes the domain: nothing is mapped then", () => {
    const { domain, mapper, attachment } = opened(10);
    domain.reserve(K);
    attachment.detach();
    const { limits } = mapper;
    const memory = new TestMemory(K);
    mapper.limits = () => {
      domain.closeSync();
      return limits.call(mapper);
    };
    expect(() => domain.mapSync(memory)).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
    expect([memory.users, mapper.size]).toEqual([0, 0]);
  });
});
