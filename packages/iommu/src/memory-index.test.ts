import type { DmaMapping, MapOptions } from "@userpci/interface";
import { describe, expect, it } from "vitest";
import { createDomain } from "./domain.ts";
import { TestMemory } from "./testing/memory.ts";
import { SlowMapper } from "./testing/slow-mapper.ts";

const K = 4096;

function opened() {
  const domain = createDomain();
  const mapper = new SlowMapper();
  domain.attach(mapper, "0000:01:00.0");
  const memory = new TestMemory(4 * K);
  const part = (page: number, options: MapOptions = {}): DmaMapping =>
    domain.mapSync(memory, { offset: page * K, size: K, join: true, ...options });
  return { domain, mapper, memory, part };
}

describe("the address of a byte of memory", () => {
  it("is that of a part that is mapped, not of the whole around it", () => {
    const { domain, memory, part } = opened();
    const first = part(0);
    expect(domain.iovaOf(memory, K - 1)).toBe(first.iova + BigInt(K - 1));
    expect([K, 2 * K, 3 * K].map((offset) => domain.iovaOf(memory, offset))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    const alone = part(2, { join: false });
    expect(domain.iovaOf(memory, 2 * K)).toBe(alone.iova);
  });

  it("is none once its part is unmapped, though the whole stays", () => {
    const { domain, memory, part } = opened();
    const [first, second] = [part(0), part(1)];
    expect(domain.iovaOf(memory, 7)).toBe(first.iova + 7n);
    first.unmapSync();
    expect(domain.iovaOf(memory, 7)).toBeUndefined();
    expect(domain.iovaOf(memory, K)).toBe(second.iova);
  });

  it("is none of a mapping that was unmapped as soon as it could be seen", async () => {
    const { domain, mapper, memory } = opened();
    expect(domain.iovaOf(memory)).toBeUndefined();
    mapper.hold();
    const mapping = domain.map(memory);
    mapper.letGo();
    for (let i = 0; i < 20; i++) {
      await Promise.resolve();
      for (const each of domain.mappings()) each.unmapSync();
    }
    expect((await mapping).closed).toBe(true);
    expect(domain.iovaOf(memory)).toBeUndefined();
  });
});
