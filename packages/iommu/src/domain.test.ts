import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type DmaMapping, type IommuDomain, MAX_IOVA, PciError, toIova } from "@userpci/interface";
import { describe, expect, it } from "vitest";
import { createDomain } from "./domain.ts";
import { MemoryMapper } from "./memory-mapper.ts";
import { TestMemory } from "./testing/memory.ts";
import { SlowMapper } from "./testing/slow-mapper.ts";

const K = 4096;
const failing = (code: string, message: RegExp = /./) =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(message),
    // Errors of ours say what mends them; those of a mapper are passed on as they are.
    ...(code.startsWith("ERR_") && { hint: expect.stringMatching(/./) }),
  });
const refused = new PciError("ENOMEM", "no memory for page tables");

function opened(mapper: MemoryMapper = new SlowMapper({ name: "container" })) {
  const domain = createDomain({ label: "lab" });
  const attachment = domain.attach(mapper, "0000:01:00.0");
  return { domain, mapper: mapper as SlowMapper, attachment };
}
const shape = (domain: IommuDomain) =>
  [...domain.mappings()].map(({ iova, size, label }) => [Number(iova), size, label]);

describe("a domain before its first device", () => {
  it("maps nothing and has no valid address", async () => {
    const domain = createDomain();
    expect(domain.ranges).toEqual([]);
    expect(() => domain.mapSync(new TestMemory(K))).toThrow(failing("ERR_DOMAIN_EMPTY"));
    await expect(domain.map(new TestMemory(K))).rejects.toEqual(failing("ERR_DOMAIN_EMPTY"));
    domain.closeSync();
  });
});

describe("mapping", () => {
  it("shows the memory to the device at the address, until unmapped", async () => {
    const { domain, mapper } = opened();
    const memory = new TestMemory(2 * K);
    new Uint8Array(memory.buffer)[K + 3] = 7;
    const mapping = await domain.map(memory, { label: "rx", direction: "to-device" });
    expect(mapper.translate(mapping.iova + BigInt(K + 3), 1, "to-device").slices[0]![0]).toBe(7);
    expect(domain.find(mapping.iova + BigInt(2 * K - 1))).toBe(mapping);
    expect(domain.find(mapping.iova + BigInt(2 * K))).toBeUndefined();
    expect([domain.mappedBytes, memory.users]).toEqual([2 * K, 1]);
    expect(() => memory.close()).toThrow(failing("ERR_BUSY"));
    await mapping.unmap();
    await mapping.unmap();
    expect(mapping.closed).toBe(true);
    expect([domain.mappedBytes, memory.users, mapper.size]).toEqual([0, 0, 0]);
    expect(domain.find(mapping.iova)).toBeUndefined();
    memory.close();
  });

  it("lists by ascending address, whatever the order of mapping", () => {
    const { domain } = opened();
    for (const iova of [0x5000, 0x1000, 0x3000]) {
      domain.mapSync(new TestMemory(K), { iova: toIova(iova), label: `at ${iova}` });
    }
    expect(shape(domain).map(([iova]) => iova)).toEqual([0x1000, 0x3000, 0x5000]);
  });

  it("may take a part of the memory, and the same memory twice", () => {
    const { domain, mapper } = opened();
    const memory = new TestMemory(4 * K);
    const part = domain.mapSync(memory, { offset: K, size: 2 * K });
    const whole = domain.mapSync(memory);
    new Uint8Array(memory.buffer)[K] = 9;
    expect(mapper.translate(part.iova, 1, "to-device").slices[0]![0]).toBe(9);
    expect(mapper.translate(whole.iova + BigInt(K), 1, "to-device").slices[0]![0]).toBe(9);
    expect([memory.users, domain.mappedBytes]).toEqual([2, 6 * K]);
  });

  it("aligns large memory so that large pages can be used, and fits it in anyway where it cannot", () => {
    const mapper = new MemoryMapper({
      ranges: [
        { start: 0x10_0000n, last: 0x3f_ffffn },
        { start: 0x50_1000n, last: 0x70_0fffn },
      ],
    });
    const { domain } = opened(mapper);
    const memory = () => new TestMemory(2 * 1024 * 1024, K, false);
    expect(domain.mapSync(memory()).iova).toBe(0x20_0000n);
    expect(domain.mapSync(memory()).iova).toBe(0x50_1000n);
    expect(() => domain.mapSync(memory())).toThrow(failing("ERR_IOVA_EXHAUSTED"));
  });

  it("honours the width of the device and an alignment that was asked for", () => {
    const { domain } = opened();
    const narrow = domain.mapSync(new TestMemory(K), { addressBits: 28 });
    expect(narrow.iova).toBeLessThan(2n ** 28n);
    const aligned = domain.mapSync(new TestMemory(K), { alignment: 0x10000 });
    expect(aligned.iova % 0x10000n).toBe(0n);
  });

  it.each<[string, object, string, RegExp]>([
    ["a size that is no page multiple", { size: 100 }, "ERR_MISALIGNED", /size is 0x64/],
    ["an offset that is none", { offset: 12 }, "ERR_MISALIGNED", /offset is 0xc/],
    ["size 0", { size: 0 }, "ERR_OUT_OF_RANGE", /size is 0/],
    ["an offset at the end", { offset: 4 * K }, "ERR_OUT_OF_RANGE", /size is 0/],
    [
      "a size past the end",
      { offset: K, size: 4 * K },
      "ERR_OUT_OF_RANGE",
      /pass the end of memory of 16384/,
    ],
    ["a size that is not a number", { size: Number.NaN }, "ERR_INVALID_ARGUMENT", /size/],
    ["a direction that is none", { direction: "sideways" }, "ERR_INVALID_ARGUMENT", /sideways/],
    ["an alignment that is none", { alignment: 3 }, "ERR_INVALID_ARGUMENT", /power of two/],
    ["a misaligned address", { iova: 0x1234n }, "ERR_MISALIGNED", /0x1234 is not a multiple/],
    ["a wrap past 2^64", { iova: MAX_IOVA - 0xfffn }, "ERR_IOVA_RANGE", /outside/],
    ["an address beyond 64 bits", { iova: 1n << 64n }, "ERR_OUT_OF_RANGE", /64 bits/],
    [
      "an address the device cannot drive",
      { iova: 1n << 32n, addressBits: 32 },
      "ERR_IOVA_RANGE",
      /32 address bits/,
    ],
    ["a width that is none", { addressBits: 0 }, "ERR_OUT_OF_RANGE", /addressBits/],
    [
      "an overlap",
      { iova: 0x8000n, size: K },
      "ERR_IOVA_OVERLAP",
      /0x8000-0x8fff overlaps "rx" at 0x7000-0x8fff/,
    ],
  ])("refuses %s, and leaves nothing mapped", async (_, options, code, message) => {
    const { domain, mapper } = opened();
    domain.mapSync(new TestMemory(2 * K), { iova: toIova(0x7000), label: "rx" });
    const memory = new TestMemory(4 * K);
    expect(() => domain.mapSync(memory, options)).toThrow(failing(code, message));
    await expect(domain.map(memory, options)).rejects.toEqual(failing(code, message));
    expect([mapper.size, memory.users, domain.mappedBytes]).toEqual([1, 0, 2 * K]);
  });

  it("refuses memory that is closed", () => {
    const { domain } = opened();
    const memory = new TestMemory(K);
    memory.close();
    expect(() => domain.mapSync(memory, { label: "rx" })).toThrow(failing("ERR_CLOSED", /"rx" is closed/));
  });
});

describe("memory under a live mapping", () => {
  it("is not collected, though nobody else refers to it, and is after unmap", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const { domain } = opened();
    const memory = new WeakRef(new TestMemory(K));
    const { iova } = domain.mapSync(memory.deref()!);
    for (let i = 0; i < 3; i++) {
      await turn();
      collect();
    }
    expect(memory.deref()?.size).toBe(K);
    domain.find(iova)!.unmapSync();
    const found = async () => {
      // What is looked at stays until the turn ends.
      await turn();
      collect();
      return memory.deref();
    };
    await expect.poll(found).toBeUndefined();
  });
});

describe("several mappers", () => {
  it("all see every mapping, of before and after they joined", () => {
    const { domain, mapper } = opened();
    const first = domain.mapSync(new TestMemory(K));
    const other = new MemoryMapper();
    domain.attach(other, "0000:02:00.0");
    domain.mapSync(new TestMemory(K));
    expect([mapper.size, other.size, domain.attached]).toEqual([2, 2, 2]);
    first.unmapSync();
    expect([mapper.size, other.size]).toEqual([1, 1]);
  });

  it("are joined once for all their devices, and kept until the domain closes", () => {
    const { domain, mapper, attachment } = opened();
    domain.mapSync(new TestMemory(K));
    const second = domain.attach(mapper, "0000:01:00.1");
    expect(mapper.size).toBe(1);
    expect(() => domain.closeSync()).toThrow(
      failing("ERR_DOMAIN_IN_USE", /domain "lab" still has 2 devices attached: 0000:01:00.0, 0000:01:00.1/),
    );
    attachment.detach();
    attachment.detach();
    expect(domain.attached).toBe(1);
    expect(() => domain.closeSync()).toThrow(
      failing("ERR_DOMAIN_IN_USE", /still has 1 device attached: 0000:01:00.1/),
    );
    second.detach();
    expect([mapper.size, mapper.closed]).toEqual([1, false]);
    domain.closeSync();
    expect([mapper.size, mapper.closed]).toEqual([0, true]);
  });

  it("shrink the valid addresses to what all of them can do", () => {
    const { domain } = opened(new MemoryMapper({ ranges: [{ start: 0n, last: 0xffff_ffffn }] }));
    domain.attach(new MemoryMapper({ ranges: [{ start: 0x10000n, last: MAX_IOVA }], pageSize: 0x4000 }), "b");
    expect(domain.ranges).toEqual([{ start: 0x10000n, last: 0xffff_ffffn }]);
    expect(domain.pageSize).toBe(0x4000);
    expect(domain.mapSync(new TestMemory(0x4000)).iova % 0x4000n).toBe(0n);
    expect(() => domain.mapSync(new TestMemory(K))).toThrow(failing("ERR_MISALIGNED"));
  });

  it.each<[string, (mapper: SlowMapper) => MemoryMapper, string, RegExp]>([
    [
      "a live mapping lies outside what the newcomer can address",
      () => new MemoryMapper({ ranges: [{ start: 0n, last: 0xffffn }] }),
      "ERR_IOVA_RANGE",
      /b cannot join domain "lab": "tx" at 0x20000-0x20fff is outside .*0x0-0xffff/,
    ],
    [
      "the newcomer has larger pages than a live mapping",
      () => new MemoryMapper({ pageSize: 0x10000 }),
      "ERR_MISALIGNED",
      /"rx" at 0x1000-0x1fff does not consist of pages of 0x10000/,
    ],
    [
      "no address is valid for both",
      () => new MemoryMapper({ ranges: [{ start: 1n << 40n, last: MAX_IOVA }] }),
      "ERR_IOVA_RANGE",
      /nothing in common/,
    ],
    [
      "the newcomer refuses a mapping",
      () => new MemoryMapper({ maxMappings: 1 }),
      "ERR_MAPPING_LIMIT",
      /b cannot/,
    ],
  ])("leave the domain as it was if %s", (_, make, code, message) => {
    const { domain, mapper } = opened(new SlowMapper({ ranges: [{ start: 0n, last: 0xffff_ffffn }] }));
    domain.mapSync(new TestMemory(K), { iova: toIova(0x1000), label: "rx" });
    domain.mapSync(new TestMemory(K), { iova: toIova(0x20000), label: "tx" });
    const before = [shape(domain), domain.ranges, domain.pageSize];
    const newcomer = make(mapper);
    expect(() => domain.attach(newcomer, "b")).toThrow(failing(code, message));
    expect([shape(domain), domain.ranges, domain.pageSize]).toEqual(before);
    expect([domain.attached, newcomer.size, mapper.size]).toEqual([1, 0, 2]);
    domain.mapSync(new TestMemory(K)).unmapSync();
    expect([newcomer.size, newcomer.closed]).toEqual([0, false]);
  });

  it.each([true, false])("take a mapping back when one of them refuses it (sync: %s)", async (sync) => {
    const { domain, mapper } = opened();
    const other = new SlowMapper();
    domain.attach(other, "b");
    other.mapError = refused;
    const memory = new TestMemory(K);
    if (sync) expect(() => domain.mapSync(memory)).toThrow(refused);
    else await expect(domain.map(memory)).rejects.toBe(refused);
    expect([mapper.size, other.size, memory.users, domain.mappedBytes]).toEqual([0, 0, 0, 0]);
  });

  it.each([true, false])("keep what could not be taken back, with its memory (sync: %s)", async (sync) => {
    const { domain, mapper } = opened();
    const other = new SlowMapper({ name: "peer" });
    domain.attach(other, "b");
    other.mapError = refused;
    mapper.unmapError = new PciError("EIO", "stuck");
    const memory = new TestMemory(K);
    const told = failing(
      "ERR_BUSY",
      /peer refused "rx" at .* could not be taken back .*stuck.* stays in the domain/,
    );
    if (sync) expect(() => domain.mapSync(memory, { label: "rx" })).toThrow(told);
    else await expect(domain.map(memory, { label: "rx" })).rejects.toEqual(told);
    const [kept] = [...domain.mappings()] as [DmaMapping];
    expect([kept.label, memory.users, domain.mappedBytes]).toEqual(["rx", 1, K]);
    mapper.unmapError = undefined;
    kept.unmapSync();
    expect([mapper.size, memory.users, shape(domain)]).toEqual([0, 0, []]);
  });
});

describe("an unmap that fails", () => {
  it.each([true, false])("keeps the mapping, and may be tried again (sync: %s)", async (sync) => {
    const { domain, mapper } = opened();
    const memory = new TestMemory(K);
    const mapping = domain.mapSync(memory);
    mapper.unmapError = new PciError("EIO", "stuck");
    if (sync) expect(() => mapping.unmapSync()).toThrow(mapper.unmapError);
    else await expect(mapping.unmap()).rejects.toBe(mapper.unmapError);
    expect([mapping.closed, memory.users, domain.find(mapping.iova)]).toEqual([false, 1, mapping]);
    expect(() => domain.mapSync(new TestMemory(K), { iova: mapping.iova })).toThrow(
      failing("ERR_IOVA_OVERLAP"),
    );
    mapper.unmapError = undefined;
    await mapping.unmap();
    expect([mapping.closed, memory.users, mapper.size]).toEqual([true, 0, 0]);
  });
});

describe("calls that meet each other", () => {
  it("give two asynchronous maps different addresses", async () => {
    const { domain, mapper } = opened();
    mapper.hold();
    const both = [domain.map(new TestMemory(K)), domain.map(new TestMemory(K))];
    expect(shape(domain)).toEqual([]);
    mapper.letGo();
    const [a, b] = await Promise.all(both);
    expect(a!.iova).not.toBe(b!.iova);
    expect(mapper.size).toBe(2);
  });

  it("put a mapping under way into a mapper that joins meanwhile", async () => {
    const { domain, mapper } = opened();
    mapper.hold();
    const pending = domain.map(new TestMemory(K));
    const other = new MemoryMapper();
    domain.attach(other, "b");
    expect(other.size).toBe(0);
    mapper.letGo();
    const mapping = await pending;
    expect([mapper.size, other.size]).toEqual([1, 1]);
    mapping.unmapSync();
    expect([mapper.size, other.size]).toEqual([0, 0]);
  });

  it("do not put a mapping that is leaving into a mapper that joins meanwhile", async () => {
    const { domain, mapper } = opened();
    const mapping = domain.mapSync(new TestMemory(K));
    mapper.hold();
    const leaving = mapping.unmap();
    const other = new MemoryMapper();
    domain.attach(other, "b");
    mapper.letGo();
    await leaving;
    expect([mapper.size, other.size, mapping.closed]).toEqual([0, 0, true]);
  });

  it("share one unmap between two callers, and refuse a synchronous one meanwhile", async () => {
    const { domain, mapper } = opened();
    const mapping = domain.mapSync(new TestMemory(K), { label: "rx" });
    mapper.hold();
    const leaving = [mapping.unmap(), mapping.unmap()];
    expect(() => mapping.unmapSync()).toThrow(failing("ERR_BUSY", /"rx" at .* is being unmapped/));
    mapper.letGo();
    await Promise.all(leaving);
    mapping.unmapSync();
    expect(mapper.size).toBe(0);
  });

  it("survive a detach during map", async () => {
    const { domain, mapper, attachment } = opened();
    mapper.hold();
    const pending = domain.map(new TestMemory(K));
    attachment.detach();
    mapper.letGo();
    expect((await pending).closed).toBe(false);
    await domain.close();
    expect([mapper.size, mapper.closed]).toEqual([0, true]);
  });

  it.each(["close", "closeSync"] as const)(
    "reject a map that %s overtakes, with nothing left mapped",
    async (how) => {
      const { domain, mapper, attachment } = opened();
      const memory = new TestMemory(K);
      mapper.hold();
      const pending = domain.map(memory, { label: "rx" });
      attachment.detach();
      const closing = domain[how]();
      expect([domain.closed, mapper.closed]).toEqual([true, false]);
      mapper.letGo();
      await expect(pending).rejects.toEqual(failing("ERR_CLOSED", /closed while "rx"/));
      expect([memory.users, mapper.size]).toEqual([0, 0]);
      await closing;
      await domain.close();
      expect([mapper.size, mapper.closed, memory.users]).toEqual([0, true, 0]);
    },
  );

  it.each(["close", "closeSync"] as const)(
    "let an unmap under way finish before %s gives the mapper up",
    async (how) => {
      const { domain, mapper, attachment } = opened();
      const mapping = domain.mapSync(new TestMemory(K));
      const other = domain.mapSync(new TestMemory(K));
      attachment.detach();
      mapper.hold();
      const leaving = mapping.unmap();
      const closing = domain[how]();
      expect(mapper.closed).toBe(false);
      mapper.letGo();
      await leaving;
      await closing;
      await domain.close();
      expect([mapper.size, mapper.closed, mapping.closed, other.closed]).toEqual([0, true, true, true]);
    },
  );
});

describe("a map that close overtakes", () => {
  it.each(["close", "closeSync"] as const)(
    "rejects only when nothing is mapped any more (%s)",
    async (how) => {
      const { domain, mapper, attachment } = opened();
      mapper.hold();
      let settled = false;
      const pending = domain.map(new TestMemory(K)).finally(() => {
        settled = true;
      });
      const rejected = expect(pending).rejects.toEqual(failing("ERR_CLOSED"));
      attachment.detach();
      const closing = domain[how]();
      mapper.letGo();
      mapper.hold();
      await turn();
      expect([settled, mapper.size, mapper.closed]).toEqual([false, 1, false]);
      mapper.letGo();
      await rejected;
      expect(mapper.size).toBe(0);
      await closing;
    },
  );
});

describe("closing a domain", () => {
  it.each(["close", "closeSync"] as const)(
    "unmaps all, closes the mappers, and is harmless twice (%s)",
    async (how) => {
      const { domain, mapper, attachment } = opened();
      const memory = new TestMemory(K);
      const mapping = domain.mapSync(memory);
      attachment.detach();
      await domain[how]();
      await domain[how]();
      expect([mapping.closed, memory.users, mapper.closed, domain.mappedBytes]).toEqual([true, 0, true, 0]);
      mapping.unmapSync();
      await mapping.unmap();
    },
  );

  it("is refused while devices are attached, and changes nothing then", async () => {
    const { domain, mapper } = opened();
    domain.mapSync(new TestMemory(K));
    await expect(domain.close()).rejects.toEqual(failing("ERR_DOMAIN_IN_USE"));
    expect([domain.closed, mapper.size]).toEqual([false, 1]);
  });

  it("ends everything but the counts", async () => {
    const { domain, attachment } = opened();
    attachment.detach();
    domain.closeSync();
    const closed = failing("ERR_CLOSED");
    expect([domain.attached, domain.mappedBytes, domain.pageSize]).toEqual([0, 0, K]);
    expect(() => domain.ranges).toThrow(closed);
    expect(() => domain.mappings()).toThrow(closed);
    expect(() => domain.find(0n)).toThrow(closed);
    expect(() => domain.attach(new MemoryMapper(), "b")).toThrow(closed);
    expect(() => domain.mapSync(new TestMemory(K))).toThrow(closed);
    await expect(domain.map(new TestMemory(K))).rejects.toEqual(closed);
    attachment.detach();
  });

  it.each(["close", "closeSync"] as const)(
    "reports an unmap that fails, but still closes the mapper (%s)",
    async (how) => {
      const { domain, mapper, attachment } = opened();
      const memory = new TestMemory(K);
      const mapping = domain.mapSync(memory);
      attachment.detach();
      mapper.unmapError = new PciError("EIO", "stuck");
      await expect((async () => domain[how]())()).rejects.toBe(mapper.unmapError);
      expect([mapper.closed, mapping.closed, memory.users]).toEqual([true, true, 0]);
    },
  );

  it("keeps memory that neither unmap nor the end of the mapper could free", () => {
    const { domain, mapper, attachment } = opened();
    const memory = new TestMemory(K);
    const mapping = domain.mapSync(memory);
    attachment.detach();
    mapper.unmapError = new PciError("EIO", "stuck");
    mapper.closeError = new PciError("EBADF", "not closed");
    expect(() => domain.closeSync()).toThrow(failing("EIO", /domain "lab" is closed, but 2 steps failed/));
    expect([mapping.closed, memory.users]).toEqual([false, 1]);
  });

  it("happens at the end of a `using` block", () => {
    const mapper = new MemoryMapper();
    {
      using domain = createDomain();
      domain.attach(mapper, "a").detach();
      using mapping = domain.mapSync(new TestMemory(K));
      expect(mapper.size + Number(mapping.closed)).toBe(1);
    }
    expect(mapper.closed).toBe(true);
  });
});
