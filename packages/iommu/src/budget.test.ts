import { setImmediate as turn } from "node:timers/promises";
import { type DmaMapping, MAX_IOVA, type MappingBudget, PciError } from "@userpci/interface";
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
  domain.attach(mapper, "a");
  const map = (count: number): DmaMapping[] =>
    Array.from({ length: count }, () => domain.mapSync(new TestMemory(K)));
  return { domain, mapper, told, map };
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
