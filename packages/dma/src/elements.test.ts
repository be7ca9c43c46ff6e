import type { IommuDomain } from "@userpci/interface";
import { failing } from "@userpci/interface/testing";
import { createDomain } from "@userpci/iommu";
import { describe, expect, it } from "vitest";
import { Dma } from "./dma.ts";
import { adoptPool } from "./pool.ts";
import { TestMapper } from "./testing/mapper.ts";
import { mapSharedMemory, ShareableSource } from "./testing/shareable.ts";

const ends: Record<string, (domain: IommuDomain) => void | Promise<void>> = {
  "its domain is closed": (domain) => domain.close(),
  "its domain is closed on this thread": (domain) => domain.closeSync(),
  "it is unmapped through its domain": async (domain) => {
    for (const mapping of [...domain.mappings()]) await mapping.unmap();
  },
  "it is unmapped through its domain on this thread": (domain) => {
    for (const mapping of [...domain.mappings()]) mapping.unmapSync();
  },
};

describe.each(Object.entries(ends))("memory that the device has lost because %s", (_, end) => {
  function opened() {
    const domain = createDomain();
    const memory = new ShareableSource();
    const attachment = domain.attach(new TestMapper(), "0000:01:00.0");
    return { domain, memory, attachment, dma: new Dma({ domain, memory }) };
  }
  const closed = failing("ERR_CLOSED", /is closed/);

  it("gives a pool no address and no element any more, in no thread", async () => {
    const { domain, dma, attachment, memory } = opened();
    const pool = dma.poolSync({ elementSize: 64, count: 4 });
    const other = adoptPool(pool.share(), mapSharedMemory);
    const taken = pool.get();
    attachment.detach();
    await end(domain);
    for (const each of [pool, other]) {
      expect(() => each.iova(0)).toThrow(closed);
      expect(() => each.iovaLo(0)).toThrow(closed);
      expect(() => each.iovaHi(0)).toThrow(closed);
      expect(() => each.get()).toThrow(closed);
      expect(() => each.put(taken)).toThrow(closed);
      expect(() => each.bytes).toThrow(closed);
    }
    await pool.close();
    expect([pool.closed, memory.open]).toEqual([true, []]);
  });

  it("gives a ring no address and no slot any more", async () => {
    const { domain, dma, attachment, memory } = opened();
    const ring = dma.ringSync({ elementSize: 16, count: 8 });
    const words = ring.u32;
    attachment.detach();
    await end(domain);
    expect(() => ring.iova()).toThrow(closed);
    expect(() => ring.writeIova(0, words, 0)).toThrow(closed);
    expect(() => ring.produce()).toThrow(closed);
    expect(() => ring.consume(0)).toThrow(closed);
    expect(() => ring.used).toThrow(closed);
    ring.closeSync();
    expect([ring.closed, memory.open]).toEqual([true, []]);
  });
});
