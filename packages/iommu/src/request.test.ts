import { describe, expect, it } from "vitest";
import { IovaAllocator } from "./allocator.ts";
import { createDomain } from "./domain.ts";
import { MemoryMapper } from "./memory-mapper.ts";
import { limitRanges, normaliseRanges } from "./ranges.ts";
import { TestMemory } from "./testing/memory.ts";

const invalid = (message: RegExp) =>
  expect.objectContaining({
    code: "ERR_INVALID_ARGUMENT",
    message: expect.stringMatching(message),
    hint: expect.stringMatching(/./),
  });

function opened() {
  const domain = createDomain();
  domain.attach(new MemoryMapper(), "0000:01:00.0");
  return { domain, memory: new TestMemory(8192) };
}

describe("an argument of the wrong type is named, and nothing is mapped", () => {
  it.each([undefined, null, 5, "x", {}, [], new Uint8Array(4096), new ArrayBuffer(4096)])(
    "%s for memory",
    async (value) => {
      const { domain } = opened();
      expect(() => domain.mapSync(value as never)).toThrow(invalid(/what is mapped must be DMA memory, not/));
      await expect(domain.map(value as never)).rejects.toEqual(invalid(/DMA memory/));
      expect(domain.mappedBytes).toBe(0);
    },
  );

  it.each([null, 5, "x", []])("%s for options", (value) => {
    const { domain, memory } = opened();
    expect(() => domain.mapSync(memory, value as never)).toThrow(invalid(/options must be an object/));
    expect(() => createDomain(value as never)).toThrow(invalid(/options must be an object/));
    expect(domain.mappedBytes).toBe(0);
  });

  it.each([
    ["offset", 4096n, /offset must be an integer, not 4096n/],
    ["size", "4096", /size must be an integer, not "4096"/],
    ["label", 5, /label must be a string, not 5/],
    ["direction", 1, /direction must be .*, not 1/],
    ["addressBits", 32n, /addressBits must be an integer, not 32n/],
    ["alignment", 4096n, /alignment must be an integer, not 4096n/],
    ["alignment", "x", /not "x"/],
    ["iova", "0x1000", /an IOVA must be an integer, not "0x1000"/],
    ["iova", {}, /an IOVA must be an integer, not an object/],
  ])("%s of %s", (name, value, message) => {
    const { domain, memory } = opened();
    expect(() => domain.mapSync(memory, { [name]: value })).toThrow(invalid(message));
    expect(domain.mappedBytes).toBe(0);
  });

  it.each([undefined, 4096, "x", {}])("%s for an address to look for", (value) => {
    const { domain } = opened();
    const allocator = new IovaAllocator([{ start: 0n, last: 0xffffn }]);
    for (const look of [
      () => domain.find(value as never),
      () => allocator.find(value as never),
      () => allocator.free(value as never),
      () => new MemoryMapper().translate(value as never, 4, "to-device"),
    ]) {
      expect(look).toThrow(invalid(/iova must be a bigint/));
    }
  });

  it("ranges, widths of addresses and pages", () => {
    expect(() => normaliseRanges([{ start: 0, last: 5n } as never])).toThrow(invalid(/start of a range/));
    expect(() => normaliseRanges([null as never])).toThrow(invalid(/a range must be an object, not null/));
    expect(() => limitRanges([], 32n as never)).toThrow(invalid(/addressBits/));
    expect(() => new MemoryMapper({ pageSize: 5000 })).toThrow(
      invalid(/pageSize is 5000, not a power of two/),
    );
    expect(() => new MemoryMapper({ maxMappings: 1.5 })).toThrow(invalid(/maxMappings/));
    expect(() => new IovaAllocator([], null as never)).toThrow(invalid(/options/));
  });
});
