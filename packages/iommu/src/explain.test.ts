import { toIova } from "@userpci/interface";
import { describe, expect, it } from "vitest";
import { createDomain } from "./domain.ts";
import type { DomainOptions } from "./domain-options.ts";
import { MappingHistory } from "./history.ts";
import { MemoryMapper } from "./memory-mapper.ts";
import { TestMemory } from "./testing/memory.ts";

const K = 4096;

function opened(options: DomainOptions = {}) {
  const domain = createDomain(options);
  domain.attach(new MemoryMapper({ ranges: [{ start: 0n, last: 0xffff_ffffn }] }), "0000:01:00.0");
  const map = (iova: number, label: string, more: object = {}) =>
    domain.mapSync(new TestMemory(2 * K), { iova: toIova(iova), label, owner: "0000:01:00.0", ...more });
  return { domain, map };
}

describe("what a domain says of an address", () => {
  it("names the live mapping, whose it is, where in it, and what the device may do there", () => {
    const { domain, map } = opened();
    map(0x8000, "tx ring", { direction: "to-device" });
    expect(domain.explain(0x9010n)).toEqual({
      iova: 0x9010n,
      state: "mapped",
      message:
        '0x9010 is in "tx ring" of 0000:01:00.0 at 0x8000-0x9fff, offset 0x1010: the device may read it, not write it',
      mapping: {
        iova: 0x8000n,
        size: 2 * K,
        direction: "to-device",
        label: "tx ring",
        owner: "0000:01:00.0",
        unmappedMsAgo: undefined,
      },
      offset: 0x1010,
      earlier: [],
      below: undefined,
      above: undefined,
    });
  });

  it("names what had it, and says how long ago that was unmapped", async () => {
    const { domain, map } = opened();
    map(0x8000, "rx ring").unmapSync();
    await map(0x8000, "rx ring 2").unmap();
    const report = domain.explain(0x8004n);
    expect(report.message).toMatch(
      /^0x8004 was in "rx ring 2" of 0000:01:00.0 at 0x8000-0x9fff, offset 0x4, which was unmapped \d+\.\d ms ago$/,
    );
    expect([report.state, report.offset, report.mapping?.label]).toEqual(["unmapped", 4, "rx ring 2"]);
    expect(report.earlier.map(({ label }) => label)).toEqual(["rx ring"]);
    expect(report.mapping?.unmappedMsAgo).toBeGreaterThanOrEqual(0);
    expect(report.earlier[0]!.unmappedMsAgo!).toBeGreaterThanOrEqual(report.mapping!.unmappedMsAgo!);
  });

  it("tells a live mapping from what had its address before", () => {
    const { domain, map } = opened();
    map(0x8000, "old").unmapSync();
    map(0x8000, "new");
    const report = domain.explain(0x8000n);
    expect([report.state, report.mapping?.label]).toEqual(["mapped", "new"]);
    expect(report.earlier.map(({ label }) => label)).toEqual(["old"]);
  });

  it("measures how far past a buffer an address is, or before one", () => {
    const { domain, map } = opened();
    map(0x8000, "low");
    map(0x2_0000, "high");
    const past = domain.explain(0xa040n);
    expect(past.message).toMatch(/is not mapped, .* it is 0x40 bytes past the end of "low" of/);
    expect([past.state, past.below?.distance, past.above?.distance]).toEqual([
      "free",
      0x40,
      0x2_0000 - 0xa041,
    ]);
    expect(domain.explain(0x1_fff0n).message).toMatch(/it is 0x10 bytes before "high" of/);
    expect(domain.explain(0x1_ffffn).above?.distance).toBe(0);
    expect(domain.explain(0xa000n).below?.distance).toBe(0);
  });

  it("knows what no device can drive, and what is reserved", () => {
    const { domain } = opened();
    expect(domain.explain(1n << 40n)).toMatchObject({
      state: "invalid",
      message: "0x10000000000 is outside what the IOMMU can address for all devices: 0x0-0xffffffff",
    });
    using kept = domain.reserve(K, { label: "process 7", iova: toIova(0x5000) });
    expect(domain.explain(kept.iova)).toMatchObject({
      state: "reserved",
      message: expect.stringContaining('is reserved: "process 7" at 0x5000-0x5fff'),
    });
  });

  it("does without a label, an owner and neighbours", () => {
    const { domain } = opened();
    expect(domain.explain(0x1000n).message).toBe(
      "0x1000 is not mapped, and was in none of the last 0 mappings that were undone",
    );
    const mapping = domain.mapSync(new TestMemory(K));
    expect(domain.explain(mapping.iova).message).toMatch(
      /is in a mapping without label at 0x1000-0x1fff, offset 0x0/,
    );
    mapping.unmapSync();
    expect(domain.explain(0x8000n).message).toBe(
      "0x8000 is not mapped, and was not in the last mapping that was undone",
    );
  });

  it("reaches back as far as it was asked to, and no further", () => {
    const { domain, map } = opened({ history: 3 });
    for (let i = 0; i < 5; i++) map(0x10_000 + i * 0x1_0000, `buffer ${i}`).unmapSync();
    const states = Array.from({ length: 5 }, (_, i) => domain.explain(BigInt(0x10_000 + i * 0x1_0000)).state);
    expect(states).toEqual(["free", "free", "unmapped", "unmapped", "unmapped"]);
    const forgetful = opened({ history: 0 });
    forgetful.map(0x8000, "gone").unmapSync();
    expect(forgetful.domain.explain(0x8000n).state).toBe("free");
  });

  it("is refused for what is no address, and after close", () => {
    const domain = createDomain();
    expect(() => domain.explain(1 as unknown as bigint)).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }),
    );
    domain.closeSync();
    expect(() => domain.explain(1n)).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
  });
});

describe("the age of what was unmapped", () => {
  it("is what the clock says", () => {
    let now = 1000;
    const history = new MappingHistory(8, () => now);
    history.add({ iova: toIova(0x1000), size: K, direction: "to-device", label: "rx" });
    now = 1003;
    expect(history.at(0x1000n)).toEqual([
      { iova: 0x1000n, size: K, direction: "to-device", label: "rx", owner: undefined, unmappedMsAgo: 3 },
    ]);
    expect(history.at(0x2000n)).toEqual([]);
  });
});
