import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { codeOf, command, hosted, peek, poke } from "../testing/hosting.ts";
import { type Access, recorder, work, worker } from "../testing/models.ts";

const SIZE = 0x1000;

describe("an access by call", () => {
  it("is split into the widest aligned parts, and is short across the end", () => {
    const accesses: Access[] = [];
    using device = hosted(recorder(accesses));
    const span = fc.tuple(fc.integer({ min: 0, max: SIZE }), fc.integer({ min: 0, max: 40 }));
    fc.assert(
      fc.property(span, ([offset, length]) => {
        accesses.length = 0;
        const target = new Uint8Array(length);
        const read = device.fn.read(1, offset, target);
        expect(read).toBe(Math.min(length, SIZE - offset));
        expect([...target.subarray(0, read)]).toEqual(
          Array.from({ length: read }, (_, at) => (offset + at) & 0xff),
        );
        let next = offset;
        for (const [at, width] of accesses) {
          expect(at).toBe(next);
          expect(at % width).toBe(0);
          // Nothing wider would have been aligned and inside.
          const wider = width * 2;
          expect(width === 8 || at % wider !== 0 || at + wider > offset + read).toBe(true);
          next += width;
        }
        expect(next).toBe(offset + read);
      }),
      { numRuns: 200 },
    );
  });

  it("writes what a read of the same span gives back", () => {
    const accesses: Access[] = [];
    using device = hosted(recorder(accesses, false));
    device.fn.write(1, 2, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14));
    expect(accesses).toEqual([
      [2, 2, 0x0201],
      [4, 4, 0x06050403],
      [8, 4, 0x0a090807],
      [12, 4, 0x0e0d0c0b],
    ]);
  });

  it("takes 64 bits as one access where the model does", () => {
    const accesses: Access[] = [];
    using device = hosted(recorder(accesses));
    device.fn.write(1, 8, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0x80));
    expect(accesses).toEqual([[8, 8, 0x8000_0000_0000_0001n]]);
  });

  it("refuses what is outside, and regions that are not there", () => {
    using device = hosted(recorder([]));
    const { fn } = device;
    const bytes = new Uint8Array(4);
    expect(fn.read(1, SIZE, bytes)).toBe(0);
    expect(codeOf(() => fn.read(1, SIZE + 1, bytes))).toBe("ERR_OUT_OF_RANGE");
    expect(codeOf(() => fn.read(1, -1, bytes))).toBe("ERR_OUT_OF_RANGE");
    expect(codeOf(() => fn.read(1, 0.5, bytes))).toBe("ERR_INVALID_ARGUMENT");
    expect(codeOf(() => fn.read(0, 0, bytes))).toBe("ERR_NOT_SUPPORTED");
    expect(codeOf(() => fn.read(9, 0, bytes))).toBe("ERR_OUT_OF_RANGE");
    expect([0, 1, 2, 3, 4, 5, 6, 7, 8].map((index) => fn.regionInfo(index).size)).toEqual([
      0,
      SIZE,
      0,
      0,
      0,
      0,
      0,
      256,
      0,
    ]);
  });
});

describe("decoding", () => {
  it("is on for a new user, as the kernel leaves it, and bus mastering is off", () => {
    using device = hosted(worker());
    expect(peek(device.fn, 7, 4, 2) & 7).toBe(3);
  });

  it("of memory switched off is an error, of ports nobody's answer", () => {
    using device = hosted(worker());
    const { fn } = device;
    expect(peek(fn, 2, 4, 1)).toBe(0xa4);
    command(fn, 0, 3);
    expect(codeOf(() => peek(fn, 0, 0))).toBe("ERR_MEMORY_DISABLED");
    expect(codeOf(() => peek(fn, 6, 0))).toBe("ERR_MEMORY_DISABLED");
    expect(peek(fn, 2, 4, 1)).toBe(0xff);
    command(fn, 3);
    expect(peek(fn, 0, 0)).toBe(0);
  });
});

describe("memory of a BAR", () => {
  it("is the same by call, mapped and for the model, and is mapped where it is said to be", () => {
    using device = hosted(worker());
    const { fn } = device;
    const [area] = fn.mappable(0);
    expect(fn.regionInfo(0).mappable).toEqual([{ offset: work.memory, size: 0x1000 }]);
    new Uint8Array(area!.memory.buffer)[5] = 7;
    expect(peek(fn, 0, work.memory + 5, 1)).toBe(7);
    poke(fn, 0, work.memory + 0xffc, 0x11223344);
    expect(new Uint8Array(area!.memory.buffer).slice(0xffc)).toEqual(Uint8Array.of(0x44, 0x33, 0x22, 0x11));
  });

  it("goes back to its source with the function, and with a model that is wrong", () => {
    const device = hosted(worker());
    expect(device.source.open.size).toBe(1);
    device[Symbol.dispose]();
    expect(device.source.open.size).toBe(0);
    expect(codeOf(() => device.fn.regionInfo(0))).toBe("ERR_CLOSED");
  });

  it("cannot be mapped with the pages of MSI-X", () => {
    const bars = {
      0: { kind: "memory32", size: 0x4000, memory: [{ offset: 0x1000, size: 0x1000, mappable: true }] },
    } as const;
    expect(codeOf(() => hosted(worker({ bars })))).toBe("ERR_INVALID_ARGUMENT");
  });

  it.each([
    ["no whole pages", 0x2004, 0x1000, "ERR_MISALIGNED"],
    ["more than the BAR", 0x3000, 0x2000, "ERR_OUT_OF_RANGE"],
  ])("is refused for %s", (_what, offset, size, code) => {
    const bars = {
      0: { kind: "memory32", size: 0x4000, memory: [{ offset, size, mappable: false }] },
    } as const;
    expect(codeOf(() => hosted(worker({ bars })))).toBe(code);
  });
});

describe("the MSI-X table", () => {
  it("is refused, or hidden as the kernel hides it; the pending bits are not", () => {
    using refusing = hosted(worker());
    expect(codeOf(() => peek(refusing.fn, 0, work.msixTable))).toBe("ERR_MSIX_TABLE");
    expect(codeOf(() => poke(refusing.fn, 0, work.msixTable + 60, 0))).toBe("ERR_MSIX_TABLE");
    expect(peek(refusing.fn, 0, work.msixTable + 64)).toBe(0);
    expect(peek(refusing.fn, 0, work.msixPending)).toBe(0);
    using hiding = hosted(worker(), { msixTable: "hide" });
    poke(hiding.fn, 0, work.msixTable, 0x1234);
    const bytes = new Uint8Array(80);
    expect(hiding.fn.read(0, work.msixTable - 8, bytes)).toBe(80);
    expect([...bytes]).toEqual([...Array(8).fill(0), ...Array(64).fill(0xff), ...Array(8).fill(0)]);
  });
});

describe("the expansion ROM", () => {
  it("is read-only, of a power of two, and reads ones behind its bytes", () => {
    using device = hosted(worker());
    const { fn } = device;
    expect(fn.regionInfo(6)).toMatchObject({ size: 4096, readable: true, writable: false });
    expect(peek(fn, 6, 2996)).toBe(0xb7b6b5b4);
    expect(peek(fn, 6, 3000)).toBe(0xffffffff);
    expect(codeOf(() => poke(fn, 6, 0, 0))).toBe("ERR_NOT_SUPPORTED");
  });
});

describe("a handler at fault", () => {
  it("is told of, and its access goes nowhere", () => {
    using device = hosted(worker());
    poke(device.fn, 0, work.fail, 1);
    expect(device.faults).toEqual([new RangeError("the handler is wrong")]);
    expect(peek(device.fn, 0, work.done)).toBe(0);
  });
});
