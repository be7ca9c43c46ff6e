import { failing } from "@userpci/interface/testing";
import { createDomain, MemoryMapper } from "@userpci/iommu";
import { describe, expect, it } from "vitest";
import { Dma } from "./dma.ts";
import { TestSource } from "./testing/memory.ts";

const K = 4096;

function opened() {
  const domain = createDomain();
  const mapper = new MemoryMapper();
  domain.attach(mapper, "0000:01:00.0");
  return { domain, mapper, dma: new Dma({ domain, memory: new TestSource() }) };
}

describe("what devices have written of a buffer", () => {
  it("is told once, in whole pages", () => {
    const { dma, mapper } = opened();
    using buffer = dma.allocSync(8 * K);
    using other = dma.allocSync(K);
    dma.trackWrites(true);
    expect([dma.tracksExactly, buffer.takeWritten()]).toEqual([true, []]);
    mapper.translate(buffer.iova + BigInt(2 * K - 1), 2, "from-device");
    mapper.translate(buffer.iova + BigInt(7 * K), 1, "from-device");
    expect(other.takeWritten()).toEqual([]);
    expect(buffer.takeWritten()).toEqual([
      { offset: K, size: 2 * K },
      { offset: 7 * K, size: K },
    ]);
    expect(buffer.takeWritten()).toEqual([]);
    dma.trackWrites(false);
    expect(() => buffer.takeWritten()).toThrow(
      failing("ERR_INVALID_ARGUMENT", /nobody notes/, /dma\.trackWrites\(true\)/),
    );
  });

  it("is refused where a domain has no notes, and of what is closed", () => {
    const { dma, domain } = opened();
    const buffer = dma.allocSync(K);
    expect(() => dma.trackWrites(1 as never)).toThrow(failing("ERR_INVALID_ARGUMENT"));
    buffer.closeSync();
    expect(() => buffer.takeWritten()).toThrow(failing("ERR_CLOSED"));
    dma.closeSync();
    expect(() => dma.trackWrites(true)).toThrow(failing("ERR_CLOSED"));
    const silent = new Proxy(domain, {
      get: (target, name) => {
        const value = name === "dirty" ? undefined : Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const other = new Dma({ domain: silent, memory: new TestSource() });
    expect(other.tracksExactly).toBe(false);
    expect(() => other.trackWrites(true)).toThrow(failing("ERR_NOT_SUPPORTED"));
    expect(() => other.allocSync(K).takeWritten()).toThrow(failing("ERR_NOT_SUPPORTED"));
  });
});
