import {
  type AdoptOptions,
  type DmaBytes,
  type DmaFile,
  type DmaFileOptions,
  PciError,
} from "@userpci/interface";
import { failing } from "@userpci/interface/testing";
import { createDomain } from "@userpci/iommu";
import { describe, expect, it, vi } from "vitest";
import { Dma } from "./dma.ts";
import { TestMapper } from "./testing/mapper.ts";
import { TestMemory, TestSource } from "./testing/memory.ts";

const K = 4096;

/** Memory of what a caller has: two pages, of which `length` bytes from `lead` on are the caller's. */
class OwnMemory extends TestMemory {
  readonly lead: number;
  readonly length: number;
  readonly byteOffset: number;
  readonly readOnly: boolean;
  override readonly buffer: ArrayBuffer;

  constructor(buffer: ArrayBuffer, { lead, length, byteOffset }: Record<string, number>, readOnly = false) {
    super(2 * K);
    this.buffer = buffer;
    this.lead = lead!;
    this.length = length!;
    this.byteOffset = byteOffset!;
    this.readOnly = readOnly;
  }

  override close(): void {
    this.closes++;
    if (this.users > 0) throw new PciError("ERR_BUSY", "closed under a mapping");
    this.closed = true;
  }
}

/** A source that makes memory of bytes, which it takes to begin 16 bytes behind a page, and of files. */
class OwnSource extends TestSource {
  readonly adopted: { bytes: DmaBytes; options: AdoptOptions | undefined }[] = [];
  readonly files: { file: DmaFile; options: DmaFileOptions | undefined }[] = [];
  readonly made: OwnMemory[] = [];

  adopt(bytes: DmaBytes, options?: AdoptOptions): OwnMemory {
    this.adopted.push({ bytes, options });
    if (!options?.exposeNeighbours)
      throw new PciError("ERR_MISALIGNED", "not whole pages", { hint: "a part" });
    const { buffer, byteOffset, byteLength } = bytes as Uint8Array<ArrayBuffer>;
    return this.#keep(new OwnMemory(buffer, { lead: 16, length: byteLength, byteOffset: byteOffset - 16 }));
  }

  openFile(file: DmaFile, options?: DmaFileOptions): OwnMemory {
    this.files.push({ file, options });
    const shape = { lead: 0, length: options?.size ?? 5000, byteOffset: 0 };
    return this.#keep(new OwnMemory(new ArrayBuffer(2 * K), shape, options?.readOnly));
  }

  #keep(memory: OwnMemory): OwnMemory {
    this.made.push(memory);
    return memory;
  }
}

function opened<S extends TestSource>(memory: S) {
  const domain = createDomain();
  const mapper = new TestMapper();
  domain.attach(mapper, "0000:01:00.0");
  return { memory, domain, mapper, dma: new Dma({ domain, memory }) };
}

describe.each(["map", "mapSync"] as const)("%s of a caller's bytes", (map) => {
  it("shows the device exactly those, and frees none of them", async () => {
    const { dma, memory, domain } = opened(new OwnSource());
    const bytes = new Uint8Array(new ArrayBuffer(4 * K), 100, 5000).fill(9);
    const buffer = await dma[map](bytes, { exposeNeighbours: true, label: "mine", direction: "from-device" });
    expect([buffer.size, buffer.pinnedBytes, buffer.pageSize]).toEqual([5000, 2 * K, K]);
    expect([buffer.label, buffer.direction, dma.pinnedBytes]).toEqual(["mine", "from-device", 2 * K]);
    expect([buffer.bytes.buffer, buffer.bytes.byteOffset, buffer.bytes.length]).toEqual([
      bytes.buffer,
      100,
      5000,
    ]);
    expect([buffer.iova % BigInt(K), buffer.iovaLo % K]).toEqual([16n, 16]);
    expect(domain.find(buffer.iova)?.memory).toBe(memory.made[0]);
    expect([buffer.u32.length, buffer.u32[0]]).toEqual([1250, 0x0909_0909]);
    await buffer.close();
    expect([memory.made[0]!.closed, bytes[0], dma.pinnedBytes]).toEqual([true, 9, 0]);
  });

  it("takes a part of them, and has no words where those are not aligned", async () => {
    const { dma, memory } = opened(new OwnSource());
    const bytes = new Uint8Array(new ArrayBuffer(4 * K), 100, 5000);
    const buffer = await dma[map](bytes, { exposeNeighbours: true, offset: 50, size: 30 });
    expect(memory.adopted[0]!.bytes).toEqual(new Uint8Array(bytes.buffer, 150, 30));
    expect(() => buffer.u32).toThrow(failing("ERR_MISALIGNED"));
    for (const [offset, size] of [
      [5000, undefined],
      [4990, 11],
      [0, 0],
    ] as const) {
      const options = { exposeNeighbours: true, offset, ...(size !== undefined && { size }) };
      await expect((async () => dma[map](bytes, options))()).rejects.toEqual(failing("ERR_OUT_OF_RANGE"));
    }
  });

  it("asks the source for whole pages unless told otherwise, and for any kind of bytes", async () => {
    const { dma, memory } = opened(new OwnSource());
    for (const bytes of [
      new ArrayBuffer(K),
      new SharedArrayBuffer(K),
      new DataView(new ArrayBuffer(K)),
      Buffer.alloc(K),
    ]) {
      await expect((async () => dma[map](bytes))()).rejects.toEqual(failing("ERR_MISALIGNED"));
      const { bytes: asked, options } = memory.adopted.at(-1)!;
      const { buffer, byteOffset } = ArrayBuffer.isView(bytes) ? bytes : { buffer: bytes, byteOffset: 0 };
      expect(asked).toEqual(new Uint8Array(buffer, byteOffset, K));
      expect([(asked as Uint8Array).buffer, options]).toEqual([buffer, { exposeNeighbours: false }]);
    }
  });

  it("refuses bytes that are gone, that are none, or that lie about how many they are", async () => {
    const { dma, memory } = opened(new OwnSource());
    const detached = new ArrayBuffer(K);
    const views = [new DataView(detached), new Uint8Array(detached), Buffer.from(detached), detached];
    structuredClone(detached, { transfer: [detached] });
    for (const bytes of [
      ...views,
      Object.create(ArrayBuffer.prototype),
      Object.create(SharedArrayBuffer.prototype),
      new ArrayBuffer(0),
      Object.defineProperty(new Uint8Array(K), "byteLength", { value: 2 * K }),
    ]) {
      for (const options of [{}, { offset: 16, size: 16 }, { size: 16 }]) {
        await expect((async () => dma[map](bytes, options))()).rejects.toEqual(
          failing("ERR_INVALID_ARGUMENT", /there are no bytes, or their buffer is detached/),
        );
      }
    }
    expect([memory.adopted, dma.buffers()]).toEqual([[], []]);
  });

  it("shows none of them once their buffer was transferred, before the first look and after it", async () => {
    const { dma } = opened(new OwnSource());
    for (const looks of [0, 1]) {
      const bytes = new Uint8Array(new ArrayBuffer(4 * K), 100, 5000);
      await using buffer = await dma[map](bytes, { exposeNeighbours: true });
      for (let i = 0; i < looks; i++) expect([buffer.bytes.length, buffer.u32.length]).toEqual([5000, 1250]);
      structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
      expect([buffer.bytes.length, buffer.u32.length, buffer.size]).toEqual([0, 0, 5000]);
      expect(buffer.bytes).toBe(buffer.bytes);
    }
  });

  it("takes bytes where there is no SharedArrayBuffer, as in a page that is not isolated", async () => {
    const { dma } = opened(new OwnSource());
    vi.stubGlobal("SharedArrayBuffer", undefined);
    try {
      using memory = new TestMemory(K);
      await using buffer = await dma[map](memory);
      expect(buffer.size).toBe(K);
      await expect((async () => dma[map](new ArrayBuffer(K)))()).rejects.toEqual(failing("ERR_MISALIGNED"));
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it("gives them back when they cannot be mapped", async () => {
    const { dma, memory, mapper } = opened(new OwnSource());
    mapper.mapError = new PciError("ERR_MEMLOCK", "limit is 8 MiB");
    const bytes = new Uint8Array(5000);
    await expect((async () => dma[map](bytes, { exposeNeighbours: true }))()).rejects.toBe(mapper.mapError);
    expect([memory.made[0]!.closed, dma.pinnedBytes]).toEqual([true, 0]);
  });

  it("refuses them, and files, where a source makes memory of neither", async () => {
    const { dma } = opened(new TestSource());
    for (const what of [new Uint8Array(K), new SharedArrayBuffer(K), { path: "/dev/shm/x" }, { fd: 3 }]) {
      await expect((async () => dma[map](what))()).rejects.toEqual(
        failing("ERR_NOT_SUPPORTED", /memory of test/),
      );
    }
  });
});

describe("map of a file", () => {
  it("shows the device the part that was asked for, to be read where it may only be read", async () => {
    const { dma, memory } = opened(new OwnSource());
    const buffer = await dma.map({ path: "/dev/shm/x" }, { offset: K, size: 300 });
    expect([buffer.size, buffer.pinnedBytes, buffer.direction]).toEqual([300, 2 * K, "bidirectional"]);
    expect(memory.files[0]).toEqual({
      file: { path: "/dev/shm/x" },
      options: { offset: K, readOnly: false, size: 300 },
    });
    const readable = await dma.map({ fd: 7 }, { readOnly: true });
    expect([readable.size, readable.direction]).toEqual([5000, "to-device"]);
    const undecided = await dma.map({ fd: 7 }, { readOnly: true, direction: undefined });
    expect(undecided.direction).toBe("to-device");
    await expect(dma.map({ fd: 7 }, { readOnly: true, direction: "from-device" })).rejects.toEqual(
      failing("ERR_INVALID_ARGUMENT", /only be read cannot be from-device/),
    );
    await dma.close();
    expect(memory.made.map(({ closed }) => closed)).toEqual([true, true, true, true]);
  });

  it("is refused by a path that the system would cut off", async () => {
    const { dma, memory } = opened(new OwnSource());
    const refused = failing("ERR_INVALID_ARGUMENT", /"\/dev\/shm\/a\\u0000b" is no path: it has a zero byte/);
    await expect(dma.map({ path: "/dev/shm/a\0b" })).rejects.toEqual(refused);
    expect(() => dma.mapSync({ path: "/dev/shm/a\0b" })).toThrow(refused);
    expect(memory.files).toEqual([]);
  });
});

it("memory that a caller made of bytes is shown as such, and in parts", () => {
  const { dma } = opened(new TestSource());
  const memory = new OwnMemory(new ArrayBuffer(4 * K), { lead: 16, length: 5000, byteOffset: 84 });
  using first = dma.mapSync(memory, { size: K });
  using second = dma.mapSync(memory, { offset: K });
  expect([first.size, first.bytes.byteOffset, first.iova % BigInt(K)]).toEqual([K - 16, 100, 16n]);
  expect([second.size, second.bytes.byteOffset, second.iova % BigInt(K)]).toEqual([920, 84 + K, 0n]);
});

it("a page table in software refuses pages that are not all in the buffer", () => {
  const { dma, mapper } = opened(new TestSource());
  const memory = new OwnMemory(new ArrayBuffer(2 * K), { lead: 16, length: 5000, byteOffset: -16 });
  expect(() => dma.mapSync(memory)).toThrow(failing("ERR_NOT_SUPPORTED", /reaches bytes of a buffer only/));
  const inside = new OwnMemory(new ArrayBuffer(4 * K), { lead: 16, length: 5000, byteOffset: 84 });
  using buffer = dma.mapSync(inside);
  mapper.translate(buffer.iova, 1, "from-device").slices[0]![0] = 5;
  expect(buffer.bytes[0]).toBe(5);
});
