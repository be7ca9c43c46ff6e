import type { DmaMemory } from "@userpci/interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DmaTable } from "./dma-table.ts";
import type { FilePart, FileWindows, MappedPart } from "./file-windows.ts";

const PAGE = 4096n;
const END = 1n << 64n;

/** Files of one buffer each, split in two, that count what is mapped. */
class Files {
  mapped = 0;

  map({ fd, offset, size }: FilePart): MappedPart {
    this.mapped++;
    const buffer = new ArrayBuffer(Number(size)).slice(0);
    const memory: DmaMemory = {
      size: buffer.byteLength,
      pageSize: 4096,
      buffer,
      closed: false,
      close: () => undefined,
      [Symbol.dispose]: () => undefined,
    };
    const half = Math.floor(Number(size) / 8192) * 4096;
    const pieces = [
      { memory, offset: 0, size: half },
      { memory, offset: half, size: Number(size) - half },
    ].filter((piece) => piece.size > 0);
    return { identity: `${fd}:${offset}:${size}`, pieces, release: () => this.mapped-- };
  }
}

function tableOf(most = 100): { table: DmaTable; files: Files } {
  const files = new Files();
  return { files, table: new DmaTable(files as unknown as FileWindows, most) };
}

const rights = { readable: true, writable: true } as const;
const map = (start: bigint, size: bigint, fd?: number) => ({
  start,
  size,
  ...rights,
  ...(fd !== undefined && { file: { fd, offset: 0n } }),
});

describe("DmaTable", () => {
  it("lets the device reach what has a file, by its direction, also across windows", () => {
    const { table } = tableOf();
    table.map({ ...map(0x1_0000n, 4n * PAGE, 3), writable: false });
    expect(table.mapper.translate(0x1_1ff8n, 16, "to-device").slices.map(({ length }) => length)).toEqual([
      8, 8,
    ]);
    expect(table.mapper.translate(0x1_0000n, 8, "from-device").fault).toEqual({
      iova: 0x1_0000n,
      reason: "direction",
    });
  });

  it("takes the same map once more, and none that overlaps it otherwise", () => {
    const { table, files } = tableOf();
    table.map(map(0n, 2n * PAGE, 3));
    table.map(map(0n, 2n * PAGE, 3));
    expect([table.size, files.mapped]).toEqual([1, 1]);
    const overlap = expect.objectContaining({ code: "ERR_IOVA_OVERLAP" });
    for (const other of [map(0n, 2n * PAGE, 4), map(0n, 2n * PAGE), map(PAGE, 2n * PAGE), map(0n, PAGE)]) {
      expect(() => table.map(other)).toThrow(overlap);
    }
    expect([table.size, files.mapped]).toEqual([1, 1]);
  });

  it("bounds how many there are", () => {
    const { table } = tableOf(1);
    table.map(map(0n, PAGE));
    expect(() => table.map(map(PAGE, PAGE))).toThrow(expect.objectContaining({ code: "ERR_MAPPING_LIMIT" }));
  });

  it.each([
    ["no bytes", 0n, 0n],
    ["half a page", 0n, 2048n],
    ["a start inside a page", 1n, PAGE],
    ["an end past 2^64", END - PAGE, 2n * PAGE],
  ])("refuses %s", (_what, start, size) => {
    const { table } = tableOf();
    const invalid = expect.objectContaining({ code: "EINVAL" });
    expect(() => table.map(map(start, size))).toThrow(invalid);
    expect(() => table.unmap(start, size)).toThrow(invalid);
  });

  it("unmaps all that is inside a range which ends at 2^64, as QEMU asks for it", () => {
    const { table, files } = tableOf();
    table.map(map(0xfef0_0000n, PAGE, 3));
    table.map(map(END - PAGE, PAGE));
    expect(table.unmap(0xfef0_0000n, 0xffff_ffff_0110_0000n)).toBe(2);
    expect([table.size, files.mapped, table.mapper.size]).toEqual([0, 0, 0]);
    expect(table.unmap(0n, END - PAGE)).toBe(0);
  });

  it("drops nothing for a range that cuts a map in two", () => {
    const { table } = tableOf();
    table.map(map(0n, 4n * PAGE, 3));
    table.map(map(8n * PAGE, PAGE));
    for (const [start, size] of [
      [PAGE, 32n * PAGE],
      [0n, 2n * PAGE],
      [PAGE, PAGE],
    ] as const) {
      expect(() => table.unmap(start, size)).toThrow(expect.objectContaining({ code: "EINVAL" }));
    }
    expect(table.size).toBe(2);
  });

  it("is what a plain list of maps would be", () => {
    const pages = fc.record({
      start: fc.nat(40),
      count: fc.integer({ min: 1, max: 12 }),
      isMap: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(pages, { maxLength: 40 }), (steps) => {
        const { table, files } = tableOf();
        const list = new PlainList();
        for (const { start, count, isMap } of steps) {
          const range = [BigInt(start) * PAGE, BigInt(count) * PAGE] as const;
          const isAllowed = isMap ? list.map(start, start + count) : list.unmap(start, start + count);
          const run = () => (isMap ? table.map(map(...range, 3)) : table.unmap(...range));
          if (isAllowed) run();
          else expect(run).toThrow();
        }
        expect([table.size, files.mapped]).toEqual([list.ranges.length, list.ranges.length]);
        for (let page = 0; page < 52; page++) {
          const start = list.startAt(page);
          expect(table.find(BigInt(page) * PAGE)?.start).toBe(start && BigInt(start[0]) * PAGE);
        }
        table.clear();
        expect([table.size, files.mapped, table.mapper.size]).toEqual([0, 0, 0]);
      }),
    );
  });
});

/** Maps by first page and the one after the last. */
class PlainList {
  ranges: (readonly [start: number, end: number])[] = [];

  /** @returns whether it may be */
  map(start: number, end: number): boolean {
    const touching = this.#touching(start, end);
    if (touching.length === 0) this.ranges.push([start, end]);
    return touching.every(([first, after]) => first === start && after === end);
  }

  /** @returns whether it may be */
  unmap(start: number, end: number): boolean {
    const touching = this.#touching(start, end);
    const isWhole = touching.every(([first, after]) => first >= start && after <= end);
    if (isWhole) this.ranges = this.ranges.filter((range) => !touching.includes(range));
    return isWhole;
  }

  startAt(page: number): readonly [number, number] | undefined {
    return this.ranges.find(([start, end]) => start <= page && page < end);
  }

  #touching(start: number, end: number): (readonly [number, number])[] {
    return this.ranges.filter(([first, after]) => first < end && after > start);
  }
}
