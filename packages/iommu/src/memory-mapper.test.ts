import { type DmaDirection, type MapRequest, toIova } from "@userpci/interface";
import { failing } from "@userpci/interface/testing";
import { describe, expect, it } from "vitest";
import { MemoryMapper } from "./memory-mapper.ts";
import { TestMemory } from "./testing/memory.ts";

const request = (
  iova: number,
  memory: TestMemory,
  direction: DmaDirection = "bidirectional",
): MapRequest => ({
  iova: toIova(iova),
  size: memory.size,
  memory,
  offset: 0,
  direction,
});
describe("a device's access through MemoryMapper", () => {
  it("reaches the mapped bytes, across the border of two mappings", () => {
    const iommu = new MemoryMapper();
    const [a, b] = [new TestMemory(4096), new TestMemory(8192)];
    iommu.mapSync(request(0x1000, a));
    iommu.mapSync(request(0x2000, b));
    const { slices, fault } = iommu.translate(0x1ffcn, 8, "from-device");
    expect(fault).toBeUndefined();
    expect(slices.map((slice) => slice.length)).toEqual([4, 4]);
    for (const slice of slices) slice.fill(0xab);
    expect([...new Uint8Array(a.buffer, 4090)]).toEqual([0, 0, 0xab, 0xab, 0xab, 0xab]);
    expect([...new Uint8Array(b.buffer, 0, 6)]).toEqual([0xab, 0xab, 0xab, 0xab, 0, 0]);
  });

  it("stops at bytes that were transferred to somebody else", () => {
    const iommu = new MemoryMapper();
    const memory = new TestMemory(4096);
    iommu.mapSync(request(0x1000, memory));
    structuredClone(memory.buffer, { transfer: [memory.buffer] });
    expect(iommu.translate(0x1000n, 8, "to-device")).toEqual({
      slices: [],
      fault: { iova: 0x1000n, reason: "unmapped" },
    });
    iommu.unmapSync(0x1000n, 4096);
  });

  it("honours the offset into the memory", () => {
    const iommu = new MemoryMapper();
    const memory = new TestMemory(8192);
    new Uint8Array(memory.buffer)[4096 + 5] = 42;
    iommu.mapSync({ ...request(0x1000, memory), offset: 4096, size: 4096 });
    expect(iommu.translate(0x1005n, 1, "to-device").slices[0]![0]).toBe(42);
  });

  it("stops where nothing is mapped, and says at which address", () => {
    const iommu = new MemoryMapper();
    iommu.mapSync(request(0x1000, new TestMemory(4096)));
    const { slices, fault } = iommu.translate(0x1ff0n, 32, "to-device");
    expect(slices.map((slice) => slice.length)).toEqual([16]);
    expect(fault).toEqual({ iova: 0x2000n, reason: "unmapped" });
    expect(iommu.translate(0xffff_ffff_ffff_fff0n, 32, "to-device").fault?.reason).toBe("unmapped");
  });

  it("stops at what the direction forbids", () => {
    const iommu = new MemoryMapper();
    iommu.mapSync(request(0x1000, new TestMemory(4096), "to-device"));
    iommu.mapSync(request(0x2000, new TestMemory(4096), "from-device"));
    const reason = (iova: bigint, direction: DmaDirection) =>
      iommu.translate(iova, 4, direction).fault?.reason;
    expect(reason(0x1000n, "to-device")).toBeUndefined();
    expect(reason(0x1000n, "from-device")).toBe("direction");
    expect(reason(0x2000n, "to-device")).toBe("direction");
    expect(reason(0x2000n, "from-device")).toBeUndefined();
    expect(reason(0x2000n, "bidirectional")).toBe("direction");
  });

  it("is refused in a direction that is none", () => {
    const iommu = new MemoryMapper();
    iommu.mapSync(request(0x1000, new TestMemory(4096)));
    for (const none of [undefined, null, "up", 1]) {
      expect(() => iommu.translate(0x1000n, 4, none as never)).toThrow(failing("ERR_INVALID_ARGUMENT"));
    }
  });

  it("reaches nothing after unmap or close", async () => {
    const iommu = new MemoryMapper();
    const memory = new TestMemory(4096);
    iommu.mapSync(request(0x1000, memory));
    await iommu.map(request(0x2000, memory));
    await iommu.unmap(0x1000n, 4096);
    expect(iommu.translate(0x1000n, 4, "to-device").fault?.reason).toBe("unmapped");
    iommu.close();
    iommu.close();
    expect(iommu.translate(0x2000n, 4, "to-device").fault?.reason).toBe("unmapped");
    expect(() => iommu.mapSync(request(0x1000, memory))).toThrow(failing("ERR_CLOSED"));
  });

  it("is noted for the mapping that it reached, not for the next at its place", () => {
    const iommu = new MemoryMapper();
    const pages = (count: number) => request(0x1000, new TestMemory(count * 4096));
    iommu.mapSync(pages(4));
    iommu.mapSync(request(0x5000, new TestMemory(4096)));
    iommu.dirty.start();
    iommu.translate(0x3000n, 0x2001, "from-device");
    iommu.unmapSync(toIova(0x1000), 4 * 4096);
    iommu.mapSync(pages(4));
    expect([...iommu.dirty.take(toIova(0x1000), 5 * 4096)]).toEqual([0b1_0000]);
    for (const page of [0x1000n, 0x2000n, 0x5000n]) iommu.translate(page, 1, "from-device");
    iommu.unmapSync(toIova(0x5000), 4096);
    expect([...iommu.dirty.take(toIova(0x1000), 5 * 4096)]).toEqual([0b11]);
    iommu.translate(0x1000n, 1, "from-device");
    iommu.close();
    expect([...iommu.dirty.take(toIova(0x1000), 5 * 4096)]).toEqual([0]);
  });

  it("refuses an overlap, a mapping too many, and to unmap what it does not have", () => {
    const iommu = new MemoryMapper({ maxMappings: 2 });
    const memory = new TestMemory(8192);
    iommu.mapSync(request(0x1000, memory));
    expect(() => iommu.mapSync(request(0x2000, memory))).toThrow(failing("ERR_IOVA_OVERLAP"));
    iommu.mapSync(request(0x3000, memory));
    expect(iommu.limits().mappingsLeft).toBe(0);
    expect(() => iommu.mapSync(request(0x8000, memory))).toThrow(failing("ERR_MAPPING_LIMIT"));
    expect(() => iommu.unmapSync(0x2000n, 4096)).toThrow(failing("ERR_INVALID_ARGUMENT"));
    expect(() => iommu.unmapSync(0x1000n, 4096)).toThrow(failing("ERR_INVALID_ARGUMENT"));
    expect(iommu.size).toBe(2);
  });
});

describe("a MemoryMapper translates", () => {
  const iommu = new MemoryMapper({
    ranges: [
      { start: 0x800n, last: 0xffffn },
      { start: 0x20000n, last: 0x2ffffn },
    ],
    pageSize: 8192,
  });
  const memory = new TestMemory(65536);
  const ask = (iova: number, size: number) => () => iommu.mapSync({ ...request(iova, memory), size });

  it.each([
    ["below the first range", 0, 8192],
    ["past the end of a range", 0xe000, 16384],
    ["between two ranges", 0x10000, 8192],
    ["past the last range", 0x30000, 8192],
    ["at half a page", 0x3000, 8192],
    ["half a page", 0x2000, 4096],
    ["no page", 0x2000, 0],
    ["a negative size", 0x2000, -8192],
  ])("nothing %s", (_where, iova, size) => {
    expect(ask(iova, size)).toThrow(failing("ERR_IOVA_RANGE", /cannot map/));
    expect(iommu.size).toBe(0);
  });

  it("whole pages in its ranges", () => {
    expect(ask(0x2000, 0xe000)).not.toThrow();
    expect(ask(0x20000, 0x10000)).not.toThrow();
    expect(iommu.size).toBe(2);
  });
});

describe("the options of a MemoryMapper", () => {
  it.each([
    [null, /^options must be an object, not null/],
    [{ name: 5 }, /^name must be a string, not 5/],
    [{ ranges: 5 }, /^ranges must be an array .*, not 5/],
    [{ ranges: [5] }, /^a range must be an object, not 5/],
    [{ ranges: [{ start: 0, last: 5 }] }, /^the start of a range must be a bigint, not 0/],
    [{ maxMappings: "5" }, /^maxMappings must be an integer, not "5"/],
  ])("are refused when they make no sense: %o", (options, message) => {
    expect(() => new MemoryMapper(options as never)).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_ARGUMENT", message: expect.stringMatching(message) }),
    );
  });

  it("give ascending and disjoint limits from ranges in any order", () => {
    const [a, b] = [
      { start: 0x9000n, last: 0xffffn },
      { start: 0n, last: 0xfffn },
    ];
    expect(new MemoryMapper({ ranges: [a!, b!, b!] }).limits().ranges).toEqual([b, a]);
  });
});
