import { setImmediate as turn } from "node:timers/promises";
import { PciError, toIova } from "@userpci/interface";
import { failing } from "@userpci/interface/testing";
import { createDomain } from "@userpci/iommu";
import { describe, expect, it } from "vitest";
import { Dma } from "./dma.ts";
import { TestMapper } from "./testing/mapper.ts";
import { TestMemory, TestSource } from "./testing/memory.ts";

const K = 4096;

function opened(options: { addressBits?: number; pageSize?: number } = {}) {
  const mapper = new TestMapper(options.pageSize === undefined ? {} : { pageSize: options.pageSize });
  const domain = createDomain();
  const attachment = domain.attach(mapper, "0000:01:00.0");
  const memory = new TestSource();
  const bits = options.addressBits === undefined ? {} : { addressBits: options.addressBits };
  return { mapper, domain, attachment, memory, dma: new Dma({ domain, memory, ...bits }) };
}
const hold = (mapper: TestMapper): (() => void) => {
  let letGo!: () => void;
  mapper.gate = new Promise((resolve) => {
    letGo = resolve;
  });
  return letGo;
};

describe("DMA memory", () => {
  it.each([
    [undefined, /^device must be an object, not undefined/],
    ["0000:01:00.0", /^device must be an object, not "0000:01:00.0"/],
    [{ memory: new TestSource() }, /^device.domain must be an object, not undefined/],
    [{ domain: createDomain() }, /^device.memory must be an object, not undefined/],
  ])("is refused for what is no device: %s", (device, message) => {
    expect(() => new Dma(device as never)).toThrow(
      failing("ERR_INVALID_ARGUMENT", message, /device\.backendDevice/),
    );
  });
});

it("gives nothing to a device that is closed or being closed, and undoes what is under way", async () => {
  const { domain, memory, mapper } = opened();
  const device = { domain, memory, closed: false };
  const dma = new Dma(device);
  const letGo = hold(mapper);
  const underWay = expect(dma.alloc(K)).rejects.toEqual(failing("ERR_CLOSED", /closed while/));
  device.closed = true;
  expect(() => dma.allocSync(K)).toThrow(failing("ERR_CLOSED", /DMA memory is closed/));
  expect(dma.closed).toBe(true);
  letGo();
  await underWay;
  expect([memory.open.length, mapper.size, dma.buffers()]).toEqual([0, 0, []]);
  device.closed = false;
  dma.allocSync(K).closeSync();
});

describe("whose memory it is", () => {
  it("is told by the domain for any address of a buffer, as long as it lives and after", async () => {
    const { domain, memory } = opened();
    const dma = new Dma({ domain, memory, address: "0000:01:00.0" });
    const buffer = await dma.alloc(K, { label: "rx ring" });
    const { iova } = buffer;
    expect(domain.explain(iova).mapping).toMatchObject({ label: "rx ring", owner: "0000:01:00.0" });
    using other = dma.mapSync(new TestMemory(K), { owner: "queue 3" });
    expect(domain.explain(other.iova).mapping?.owner).toBe("queue 3");
    await buffer.close();
    expect(domain.explain(iova).message).toMatch(/was in "rx ring" of 0000:01:00.0 .* unmapped .* ms ago/);
    expect(() => new Dma({ domain, memory, address: 7 as never })).toThrow(failing("ERR_INVALID_ARGUMENT"));
  });
});

describe.each(["alloc", "allocSync"] as const)("%s", (alloc) => {
  it("gives bytes that the device sees at the address", async () => {
    const { dma, mapper } = opened();
    const buffer = await dma[alloc](K, { label: "ring", direction: "to-device" });
    buffer.u32[1] = 0x0403_0201;
    const seen = mapper.translate(buffer.iova + 4n, 4, "to-device").slices[0]!;
    expect([...seen]).toEqual([...buffer.bytes.subarray(4, 8)]);
    expect([seen.length, buffer.u32[1]]).toEqual([4, 0x0403_0201]);
    expect([buffer.label, buffer.direction, buffer.size]).toEqual(["ring", "to-device", K]);
    expect((BigInt(buffer.iovaHi) << 32n) | BigInt(buffer.iovaLo)).toBe(buffer.iova);
    expect(mapper.translate(buffer.iova, 4, "from-device").fault?.reason).toBe("direction");
  });

  it("rounds the size up to whole pages of memory and IOMMU, and says so", async () => {
    const { dma } = opened();
    expect((await dma[alloc](1)).size).toBe(K);
    expect((await dma[alloc](K + 1)).bytes.length).toBe(2 * K);
    const large = opened({ pageSize: 0x10000 });
    const buffer = await large.dma[alloc](K);
    expect([buffer.size, buffer.u32.length, large.memory.asked]).toEqual([0x10000, 0x4000, [0x10000]]);
    expect((await opened().dma[alloc](K, { pageSize: 2 ** 21 })).size).toBe(2 ** 21);
  });

  it("never passes the device's address width, whatever is asked", async () => {
    const { dma } = opened({ addressBits: 28 });
    expect(dma.addressBits).toBe(28);
    expect((await dma[alloc](K)).iova >> 28n).toBe(0n);
    expect((await dma[alloc](K, { addressBits: 40 })).iova >> 28n).toBe(0n);
    expect((await dma[alloc](K, { addressBits: 20 })).iova >> 20n).toBe(0n);
  });

  it.each<[unknown, unknown, string, RegExp]>([
    [undefined, {}, "ERR_INVALID_ARGUMENT", /size must be an integer, not undefined/],
    ["4096", {}, "ERR_INVALID_ARGUMENT", /size must be an integer, not "4096"/],
    [Number.MAX_SAFE_INTEGER, {}, "ERR_OUT_OF_RANGE", /size is 9007199254740991, outside 1 to/],
    [K, null, "ERR_INVALID_ARGUMENT", /options must be an object, not null/],
    [K, { addressBits: 80 }, "ERR_OUT_OF_RANGE", /addressBits is 80, outside 12 to 64/],
    [K, { addressBits: 32n }, "ERR_INVALID_ARGUMENT", /addressBits must be an integer, not 32n/],
    [K, { iova: "x" }, "ERR_INVALID_ARGUMENT", /an IOVA must be an integer, not "x"/],
  ])("refuses size %s with options %o and keeps nothing", async (size, options, code, message) => {
    const { dma, memory } = opened();
    await expect((async () => dma[alloc](size as never, options as never))()).rejects.toEqual(
      failing(code, message),
    );
    expect([memory.open.length, dma.buffers(), dma.pinnedBytes]).toEqual([0, [], 0]);
  });

  it("hands what was asked of the memory on to its source", async () => {
    const { dma, memory } = opened();
    await dma[alloc](K, { pageSize: 2 ** 21, fallback: true, label: "ring" });
    expect(memory.given[0]!.options).toEqual({ pageSize: 2 ** 21, fallback: true, label: "ring" });
    expect(dma.buffers()[0]!.pageSize).toBe(2 ** 21);
  });

  it("takes a fixed address or an alignment", async () => {
    const { dma } = opened();
    expect((await dma[alloc](K, { iova: toIova(0x7000) })).iova).toBe(0x7000n);
    expect((await dma[alloc](K, { alignment: 0x100000 })).iova % 0x100000n).toBe(0n);
  });

  it.each<[string, number, object, string]>([
    ["size 0", 0, {}, "ERR_OUT_OF_RANGE"],
    ["a negative size", -1, {}, "ERR_OUT_OF_RANGE"],
    ["a size that is not a number", Number.NaN, {}, "ERR_INVALID_ARGUMENT"],
    ["an address that is misaligned", K, { iova: 0x7001n }, "ERR_MISALIGNED"],
    ["a direction that is none", K, { direction: "up" }, "ERR_INVALID_ARGUMENT"],
    ["a page size that the source lacks", K, { pageSize: 2 ** 30 }, "ERR_NOT_SUPPORTED"],
    ["a width that is none", K, { addressBits: Number.NaN }, "ERR_INVALID_ARGUMENT"],
  ])("refuses %s and leaves nothing allocated", async (_, size, options, code) => {
    const { dma, memory, mapper } = opened();
    await expect((async () => dma[alloc](size, options))()).rejects.toEqual(failing(code));
    expect([memory.open.length, mapper.size, dma.pinnedBytes]).toEqual([0, 0, 0]);
  });

  it("frees the memory when it cannot be mapped", async () => {
    const { dma, memory, mapper } = opened();
    mapper.mapError = new PciError("ERR_MEMLOCK", "limit is 8 MiB");
    await expect((async () => dma[alloc](K))()).rejects.toBe(mapper.mapError);
    expect([memory.given.length, memory.open.length, dma.buffers()]).toEqual([1, 0, []]);
  });

  it("tells what becomes of memory that can be neither mapped nor freed", async () => {
    const { dma, memory, mapper } = opened();
    mapper.mapError = new PciError("ERR_MEMLOCK", "limit is 8 MiB");
    const { alloc: allocate } = memory;
    memory.alloc = (...given) => {
      const made = allocate.apply(memory, given);
      made.closeError = new PciError("ENOMEM", "no mapping is left");
      return made;
    };
    await expect((async () => dma[alloc](K))()).rejects.toMatchObject({
      code: "ERR_BUSY",
      message: expect.stringMatching(/neither mapped nor freed: .*limit is 8 MiB/),
      hint: expect.stringMatching(/when the process ends/),
    });
    expect(dma.buffers()).toEqual([]);
  });

  it("does not free memory that an IOMMU would not let go of", async () => {
    const { dma, memory, mapper, domain } = opened();
    const other = new TestMapper();
    domain.attach(other, "b");
    other.mapError = new PciError("EIO", "refused");
    mapper.unmapError = new PciError("EIO", "stuck");
    await expect((async () => dma[alloc](K))()).rejects.toEqual(failing("ERR_BUSY", /stays in the domain/));
    expect([memory.given[0]!.closes, domain.mappedBytes]).toEqual([0, K]);
  });
});

describe("map", () => {
  it("shows the device a part of memory that the caller keeps", async () => {
    const { dma, mapper } = opened();
    const memory = new TestMemory(4 * K);
    const buffer = await dma.map(memory, { offset: K, size: 2 * K, direction: "from-device" });
    mapper.translate(buffer.iova, 1, "from-device").slices[0]![0] = 5;
    expect([buffer.bytes[0], buffer.bytes.byteOffset, buffer.u32.length]).toEqual([5, K, K / 2]);
    expect([buffer.bytes.buffer, new Uint8Array(memory.buffer)[K]]).toEqual([memory.buffer, 5]);
    buffer.closeSync();
    expect([memory.closed, mapper.size]).toEqual([false, 0]);
    dma.mapSync(memory).closeSync();
    memory.close();
    expect(() => dma.mapSync(memory)).toThrow(failing("ERR_CLOSED"));
  });

  it("refuses what is no DMA memory by its own name", async () => {
    const { dma } = opened();
    for (const value of [undefined, null, 5, "/dev/shm/x", [], {}]) {
      const refused = failing("ERR_INVALID_ARGUMENT", /what is mapped must be DMA memory, not/);
      await expect(dma.map(value as never)).rejects.toEqual(refused);
      expect(() => dma.mapSync(value as never)).toThrow(refused);
    }
    const memory = new TestMemory(K);
    await expect(dma.map(memory, null as never)).rejects.toEqual(failing("ERR_INVALID_ARGUMENT", /options/));
    memory.close();
  });

  it("never passes the device's address width", () => {
    const { dma } = opened({ addressBits: 32 });
    expect(dma.mapSync(new TestMemory(K), { addressBits: 64 }).iova >> 32n).toBe(0n);
  });
});

describe.each(["close", "closeSync"] as const)("%s of a buffer", (close) => {
  it("unmaps, then frees, and is harmless twice", async () => {
    const { dma, memory, mapper } = opened();
    const buffer = dma.allocSync(K, { label: "ring" });
    const { bytes } = buffer;
    await buffer[close]();
    await buffer[close]();
    expect(mapper.calls).toEqual([`map ${K}`, `unmap ${K}`]);
    expect([buffer.closed, memory.open.length, dma.pinnedBytes, dma.buffers()]).toEqual([true, 0, 0, []]);
    expect(bytes.length).toBe(0);
    for (const property of ["iova", "iovaLo", "iovaHi", "bytes", "u32"] as const) {
      expect(() => buffer[property]).toThrow(failing("ERR_CLOSED", /DMA buffer "ring" is closed/));
    }
    expect([buffer.size, buffer.label]).toEqual([K, "ring"]);
  });

  it("does not free what cannot be unmapped, says so, and may be tried again", async () => {
    const { dma, memory, mapper } = opened();
    const buffer = dma.allocSync(K, { label: "ring" });
    mapper.unmapError = new PciError("EIO", "IOMMU is busy");
    const told = failing("EIO", /"ring" could not be unmapped, so its memory is not freed: IOMMU is busy/);
    await expect((async () => buffer[close]())()).rejects.toEqual(told);
    expect([buffer.closed, memory.open.length, dma.pinnedBytes]).toEqual([false, 1, K]);
    expect(buffer.bytes.length).toBe(K);
    mapper.unmapError = undefined;
    await buffer[close]();
    expect([buffer.closed, memory.open.length]).toEqual([true, 0]);
  });

  it("may be tried again when the memory would not close", async () => {
    const { dma, memory } = opened();
    const buffer = dma.allocSync(K);
    memory.given[0]!.closeError = new PciError("EINVAL", "munmap failed");
    await expect((async () => buffer[close]())()).rejects.toBe(memory.given[0]!.closeError);
    expect([buffer.closed, dma.buffers()]).toEqual([false, [buffer]]);
    expect([dma.pinnedBytes, buffer.pinnedBytes]).toEqual([0, 0]);
    // Its address may be another buffer's by now.
    for (const property of ["iova", "iovaLo", "iovaHi", "bytes", "u32"] as const) {
      expect(() => buffer[property]).toThrow(failing("ERR_CLOSED"));
    }
    memory.given[0]!.closeError = undefined;
    await buffer[close]();
    expect([buffer.closed, memory.open.length]).toEqual([true, 0]);
  });

  it("works after the domain has gone first", async () => {
    const { dma, memory, domain, attachment } = opened();
    const buffer = dma.allocSync(K);
    attachment.detach();
    domain.closeSync();
    expect([memory.open.length, dma.pinnedBytes]).toEqual([1, 0]);
    expect(() => buffer.iova).toThrow(failing("ERR_CLOSED"));
    await buffer[close]();
    expect(memory.open.length).toBe(0);
  });
});

describe("memory that takes long to free", () => {
  it("is freed off this thread by close(), on it by closeSync(), and is its buffer's until then", async () => {
    const { dma, memory } = opened();
    const [first, second] = [dma.allocSync(K), dma.allocSync(K)];
    let letGo!: () => void;
    const freed = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    for (const each of memory.given) {
      each.closeAsync = () => {
        each.close();
        return freed;
      };
    }
    const closing = first.close();
    await turn();
    expect([first.closed, memory.open.length, dma.buffers()]).toEqual([false, 1, [first, second]]);
    expect(() => first.closeSync()).toThrow(failing("ERR_BUSY", /being closed/));
    second.closeSync();
    expect([second.closed, memory.open.length]).toEqual([true, 0]);
    letGo();
    await closing;
    expect([first.closed, dma.buffers()]).toEqual([true, []]);
  });
});

describe("calls that meet each other", () => {
  it("close once for two callers, and refuse a synchronous close meanwhile", async () => {
    const { dma, memory, mapper } = opened();
    const buffer = dma.allocSync(K);
    const letGo = hold(mapper);
    const closing = [buffer.close(), buffer.close()];
    expect(() => buffer.closeSync()).toThrow(failing("ERR_BUSY", /being closed/));
    expect(() => buffer.bytes).toThrow(failing("ERR_CLOSED"));
    expect(memory.open.length).toBe(1);
    letGo();
    await Promise.all(closing);
    buffer.closeSync();
    expect([memory.given[0]!.closes, dma.pinnedBytes]).toEqual([1, 0]);
  });

  it("leave to close() what it is closing already: closeSync of Dma has not failed for that", async () => {
    const { dma, memory, mapper } = opened();
    const [first, , last] = [dma.allocSync(K), dma.allocSync(K), dma.allocSync(K)];
    const letGo = hold(mapper);
    const closing = [first!.close(), last!.close()];
    dma.closeSync();
    expect([dma.closed, dma.buffers(), memory.open.length]).toEqual([true, [first, last], 2]);
    letGo();
    await Promise.all(closing);
    expect([dma.buffers(), memory.open.length, mapper.size, dma.pinnedBytes]).toEqual([[], 0, 0, 0]);
  });

  it.each(["close", "closeSync"] as const)(
    "reject an alloc that %s overtakes, with nothing left",
    async (close) => {
      const { dma, memory, mapper } = opened();
      const letGo = hold(mapper);
      const rejected = expect(dma.alloc(K)).rejects.toEqual(failing("ERR_CLOSED", /closed while/));
      const closing = dma[close]();
      letGo();
      if (close === "closeSync") await rejected;
      await closing;
      expect([memory.open.length, mapper.size, dma.pinnedBytes]).toEqual([0, 0, 0]);
      await rejected;
    },
  );
});

describe.each(["close", "closeSync"] as const)("%s of Dma", (close) => {
  it("closes all buffers, the youngest first, and refuses new ones", async () => {
    const { dma, memory, mapper } = opened();
    for (const pages of [1, 2, 3]) dma.allocSync(pages * K);
    expect(dma.pinnedBytes).toBe(6 * K);
    expect(dma.buffers().map(({ size }) => size / K)).toEqual([1, 2, 3]);
    await dma[close]();
    await dma[close]();
    expect(mapper.calls.slice(3)).toEqual([`unmap ${3 * K}`, `unmap ${2 * K}`, `unmap ${K}`]);
    expect([dma.closed, dma.pinnedBytes, memory.open.length]).toEqual([true, 0, 0]);
    const closed = failing("ERR_CLOSED");
    expect(() => dma.allocSync(K)).toThrow(closed);
    expect(() => dma.mapSync(new TestMemory(K))).toThrow(closed);
    await expect(dma.alloc(K)).rejects.toEqual(closed);
    await expect(dma.map(new TestMemory(K))).rejects.toEqual(closed);
  });

  it("leaves alone what others have in the domain", async () => {
    const { dma, domain, mapper, memory } = opened();
    const other = new Dma({ domain, memory });
    other.allocSync(K);
    dma.allocSync(K);
    await dma[close]();
    expect([mapper.size, other.pinnedBytes]).toEqual([1, K]);
  });

  it("tries every buffer, keeps those that fail, and tries them again at the next call", async () => {
    const { dma, memory, mapper } = opened();
    dma.allocSync(K);
    dma.allocSync(2 * K);
    mapper.unmapError = new PciError("EIO", "IOMMU is busy");
    await expect((async () => dma[close]())()).rejects.toEqual(
      failing("EIO", /closed, but 2 steps failed, the first: .* not freed/),
    );
    expect([dma.buffers().length, memory.open.length]).toEqual([2, 2]);
    mapper.unmapError = undefined;
    await dma[close]();
    expect([dma.buffers().length, memory.open.length]).toEqual([0, 0]);
  });
});

it("buffers and Dma end with their block", async () => {
  const { dma, memory, mapper } = opened();
  {
    using all = dma;
    using first = all.allocSync(K);
    await using second = await all.alloc(K);
    expect(mapper.size + Number(first.closed) + Number(second.closed)).toBe(2);
  }
  expect([memory.open.length, mapper.size, dma.closed]).toEqual([0, 0, true]);
});

it("refuses an address width that no device has", () => {
  expect(() => opened({ addressBits: 65 })).toThrow(failing("ERR_OUT_OF_RANGE", /addressBits is 65/));
});
