import { type DmaMapping, type DomainAttachment, MAX_IOVA } from "@userpci/interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDomain } from "./domain.ts";
import { MemoryMapper } from "./memory-mapper.ts";
import { TestMemory } from "./testing/memory.ts";

const K = 4096;

/** An IOMMU, and the widest address that its device can drive. */
const iommus = [
  { bits: 64, make: () => new MemoryMapper({ ranges: [{ start: 0n, last: MAX_IOVA }] }) },
  { bits: 32, make: () => new MemoryMapper({ ranges: [{ start: 0x1000n, last: 2n ** 39n - 1n }] }) },
  { bits: 28, make: () => new MemoryMapper({ maxMappings: 12 }) },
] as const;

const step = fc.record({
  kind: fc.constantFrom("attach", "detach", "map", "map", "map", "unmap", "close"),
  pick: fc.nat(),
  pages: fc.integer({ min: 1, max: 4 }),
});

/** A domain with some devices, beside plain lists of what should be in it. */
class Model {
  readonly domain = createDomain();
  readonly mappers = iommus.map(({ make }) => make());
  readonly memories: TestMemory[] = [];
  joined = new Set<MemoryMapper>();
  attached: DomainAttachment[] = [];
  live: { mapping: DmaMapping; bits: number }[] = [];

  /** @returns whether the domain is still open */
  do({ kind, pick, pages }: { kind: string; pick: number; pages: number }): boolean {
    if (kind === "attach") this.#attach(this.mappers[pick % this.mappers.length]!);
    else if (kind === "detach")
      this.attached.splice(pick % Math.max(1, this.attached.length), 1)[0]?.detach();
    else if (kind === "map") this.#map(iommus[pick % iommus.length]!.bits, pages);
    else if (kind === "unmap")
      this.live.splice(pick % Math.max(1, this.live.length), 1)[0]?.mapping.unmapSync();
    else return !this.#close();
    return true;
  }

  #attach(mapper: MemoryMapper): void {
    const room = mapper.limits().mappingsLeft ?? Number.POSITIVE_INFINITY;
    if (!this.joined.has(mapper) && this.live.length > room) {
      expect(() => this.domain.attach(mapper, "d")).toThrow(
        expect.objectContaining({ code: "ERR_MAPPING_LIMIT" }),
      );
      return;
    }
    this.attached.push(this.domain.attach(mapper, "d"));
    this.joined.add(mapper);
  }

  #map(bits: number, pages: number): void {
    const memory = new TestMemory(pages * K, K, false);
    const map = () => this.domain.mapSync(memory, { addressBits: bits });
    const limited = this.joined.has(this.mappers[2]!);
    const refusal =
      this.joined.size === 0
        ? "ERR_DOMAIN_EMPTY"
        : limited && this.live.length >= 12
          ? "ERR_MAPPING_LIMIT"
          : "";
    if (refusal !== "") expect(map).toThrow(expect.objectContaining({ code: refusal }));
    else this.live.push({ mapping: map(), bits });
    this.memories.push(memory);
  }

  #close(): boolean {
    if (this.attached.length === 0) {
      this.domain.closeSync();
      return true;
    }
    expect(() => this.domain.closeSync()).toThrow(expect.objectContaining({ code: "ERR_DOMAIN_IN_USE" }));
    return false;
  }

  check(): void {
    expect(this.domain.attached).toBe(this.attached.length);
    expect([...this.domain.mappings()].length).toBe(this.live.length);
    expect(this.domain.budget.used).toBe(this.live.length);
    for (const mapper of this.mappers)
      expect(mapper.size).toBe(this.joined.has(mapper) ? this.live.length : 0);
    for (const { mapping, bits } of this.live) {
      expect((mapping.iova + BigInt(mapping.size) - 1n) >> BigInt(bits)).toBe(0n);
      expect(this.domain.find(mapping.iova + BigInt(mapping.size) - 1n)).toBe(mapping);
      expect(this.domain.iovaOf(mapping.memory, mapping.size - 1)).toBe(
        mapping.iova + BigInt(mapping.size) - 1n,
      );
    }
  }
}

describe("a domain with several devices", () => {
  it("keeps every mapping in every IOMMU through any order of attach, detach, map, unmap and close", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const model = new Model();
        for (const each of steps) {
          if (!model.do(each)) break;
          model.check();
        }
        for (const attachment of model.attached.splice(0).reverse()) attachment.detach();
        model.domain.closeSync();
        for (const mapper of model.mappers) expect(mapper.size).toBe(0);
        expect(model.memories.filter(({ users }) => users !== 0)).toEqual([]);
        expect(model.live.filter(({ mapping }) => !mapping.closed)).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});

describe("where a domain has a byte of memory", () => {
  it("is the lowest address of all its mappings, and none once it has none", () => {
    const domain = createDomain();
    domain.attach(new MemoryMapper(), "a");
    const memory = new TestMemory(4 * K);
    const other = domain.mapSync(new TestMemory(K));
    const high = domain.mapSync(memory);
    const low = domain.mapSync(memory, { offset: K, size: K, addressBits: 32 });
    expect(domain.iovaOf(memory)).toBe(high.iova);
    expect(domain.iovaOf(memory, K + 9)).toBe(low.iova + 9n);
    expect(domain.iovaOf(other.memory)).toBe(other.iova);
    const late = domain.mapSync(memory, { offset: 3 * K, addressBits: 28 });
    expect(domain.iovaOf(memory, 3 * K)).toBe(late.iova);
    low.unmapSync();
    expect(domain.iovaOf(memory, K + 9)).toBe(high.iova + BigInt(K + 9));
    high.unmapSync();
    expect(domain.iovaOf(memory)).toBeUndefined();
    expect(domain.iovaOf(memory, 4 * K)).toBeUndefined();
    expect(() => domain.iovaOf(memory, -1)).toThrow(expect.objectContaining({ code: "ERR_OUT_OF_RANGE" }));
  });
});
