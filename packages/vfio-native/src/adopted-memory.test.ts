import { failing } from "@userpci/interface/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MemfdSource } from "./memfd-memory.ts";
import { loadNative } from "./native.ts";
import { wasmMemory } from "./test/wasm.ts";

const native = loadNative();
const source = new MemfdSource();
const PAGE = native.pageSize();

/** What ES2023 has no types for. */
type Resizing<B> = new (size: number, options: { maxByteLength: number }) => B;
const Growable = SharedArrayBuffer as Resizing<SharedArrayBuffer>;
const Resizable = ArrayBuffer as Resizing<ArrayBuffer>;

/** Bytes that begin at a page boundary: V8 takes buffers that can grow from the kernel. */
const pages = (count: number) => new Uint8Array(new Growable(count * PAGE, { maxByteLength: count * PAGE }));

/** Bytes that begin `lead` bytes behind a page boundary. */
function bytesAt(lead: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length + 2 * PAGE);
  const start = (PAGE - (native.addressOf(bytes) % PAGE) + lead) % PAGE;
  return bytes.subarray(start, start + length);
}

function transferred(): ArrayBuffer {
  const buffer = new ArrayBuffer(PAGE);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

let before = native.ledger();
beforeEach(() => {
  before = native.ledger();
});
afterEach(() => {
  expect(native.ledger()).toEqual(before);
});

describe("bytes of JavaScript's own", () => {
  it.each([
    ["a shared buffer that can grow", () => pages(3).buffer, 3],
    ["a view of one", () => pages(3).subarray(PAGE), 2],
    ["WebAssembly's memory", () => wasmMemory().buffer, 65536 / PAGE],
    ["an aligned part of a Uint8Array", () => bytesAt(0, 2 * PAGE), 2],
    ["a DataView", () => new DataView(pages(2).buffer, PAGE), 1],
  ])("are memory where they are whole pages: %s", (_what, make, count) => {
    const bytes = make();
    using memory = source.adopt(bytes);
    expect([memory.size, memory.length, memory.lead, memory.pageSize]).toEqual([
      count * PAGE,
      count * PAGE,
      0,
      PAGE,
    ]);
    expect(memory.buffer).toBe("buffer" in bytes ? bytes.buffer : bytes);
    expect(memory.address).toBe(BigInt(native.addressOf(new Uint8Array(memory.buffer, memory.byteOffset))));
  });

  it.each([
    ["begin", 16, 3 * PAGE - 16, 16, 0, /bytes\.subarray\(4080, 12272\)/],
    ["end", 0, PAGE + 1, 0, PAGE - 1, /bytes\.subarray\(0, 4096\)/],
    ["do either", 100, PAGE, 100, PAGE - 100, /no whole page.*device\.dma\.alloc/],
  ])(
    "are refused where they do not %s at a page boundary, with what could be mapped",
    (_what, lead, length, front, behind, hint) => {
      const bytes = bytesAt(lead, length);
      const message = new RegExp(`reach ${front} bytes of this process before and ${behind} behind`);
      expect(() => source.adopt(bytes)).toThrow(failing("ERR_MISALIGNED", message, hint));
      expect(() => source.adopt(Buffer.from("hello"))).toThrow(failing("ERR_MISALIGNED", /5 bytes/));
    },
  );

  it("are memory with what is around them where the caller says so", () => {
    const bytes = bytesAt(100, PAGE);
    using memory = source.adopt(bytes, { exposeNeighbours: true });
    expect([memory.size, memory.lead, memory.length]).toEqual([2 * PAGE, 100, PAGE]);
    expect(memory.address).toBe(BigInt(native.addressOf(bytes) - 100));
    expect(memory.byteOffset).toBe(bytes.byteOffset - 100);
  });

  it.each([
    ["nothing", undefined, /not undefined/],
    ["text", "bytes", /not "bytes"/],
    ["an array", [1, 2], /not an array/],
    ["no bytes", new Uint8Array(0), /no bytes/],
    ["in a buffer that was transferred", transferred(), /no bytes, or their buffer is detached/],
    ["a buffer that can shrink", new Resizable(PAGE, { maxByteLength: PAGE }), /resizable/],
  ])("are refused where they are %s", (_what, bytes, message) => {
    expect(() => source.adopt(bytes as never)).toThrow(failing("ERR_INVALID_ARGUMENT", message));
    expect(() => source.adopt(pages(1), { exposeNeighbours: 1 as never })).toThrow(
      failing("ERR_INVALID_ARGUMENT", /exposeNeighbours/),
    );
  });

  it("stay while they are mapped, and are left as they are when the memory is closed", () => {
    const bytes = pages(1).fill(7);
    const memory = source.adopt(bytes);
    memory.retain!();
    expect(() => memory.close()).toThrow(failing("ERR_BUSY", /adopted memory are still mapped once/));
    memory.release!();
    memory.close();
    memory.close();
    expect([memory.closed, bytes.length, bytes[PAGE - 1]]).toEqual([true, PAGE, 7]);
  });

  it("are kept from children as long as they are memory, and given back to them after", () => {
    const advices: number[] = [];
    const madvise: typeof native.madvise = (address, length, advice) => {
      advices.push(advice);
      return native.madvise(address, length, advice);
    };
    const watched = new MemfdSource({ ...native, madvise });
    const { MADV_DONTFORK, MADV_DOFORK } = native.constants;
    watched.adopt(pages(1)).close();
    expect(advices.splice(0)).toEqual([MADV_DONTFORK, MADV_DOFORK]);
    watched.adopt(bytesAt(100, PAGE), { exposeNeighbours: true }).close();
    expect(advices, "a child needs what is around them").toEqual([]);
    using memfd = watched.alloc(PAGE);
    watched.adopt(memfd.buffer).close();
    expect(advices, "a memfd stays kept from them").toEqual([MADV_DONTFORK]);
  });

  it("are refused by a runtime whose counts are not to be had", () => {
    const ENOTSUP = -95;
    const other = new MemfdSource({ ...native, hold: () => ENOTSUP });
    expect(() => other.adopt(pages(1))).toThrow(failing("ERR_NOT_SUPPORTED", /./, /device\.dma\.alloc/));
  });
});
