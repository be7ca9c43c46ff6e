import { failing } from "@userpci/interface/testing";
import { describe, expect, it } from "vitest";
import { HeapSource } from "./heap-memory.ts";

const source = new HeapSource();

describe("memory for emulated devices", () => {
  it.each([4096, 2 ** 21])("is zero, in whole pages of %d bytes", (pageSize) => {
    using memory = source.alloc(pageSize + 1, { pageSize });
    expect([memory.size, memory.pageSize, memory.buffer.byteLength]).toEqual([
      2 * pageSize,
      pageSize,
      2 * pageSize,
    ]);
    expect(new Uint8Array(memory.buffer).some(Boolean)).toBe(false);
  });

  it("is not closed while somebody uses it, and is gone then", () => {
    const memory = source.alloc(1);
    const bytes = new Uint8Array(memory.buffer);
    memory.retain!();
    memory.retain!();
    memory.release!();
    expect(() => memory.close()).toThrow(failing("ERR_BUSY", /mapped once/));
    memory.release!();
    expect(() => memory.release!()).toThrow(failing("ERR_INVALID_ARGUMENT", /more often/));
    memory.close();
    memory.close();
    expect([memory.closed, bytes.length]).toEqual([true, 0]);
    expect(() => memory.retain!()).toThrow(failing("ERR_CLOSED"));
  });

  it("that is more than there is, is refused", () => {
    expect(() => source.alloc(2 ** 52)).toThrow(failing("ENOMEM", /4503599627370496/));
    expect(() => source.alloc(-1)).toThrow(failing("ERR_OUT_OF_RANGE"));
    expect(() => source.alloc(1, { pageSize: 8192 })).toThrow(failing("ERR_NOT_SUPPORTED", /8192/));
  });
});

describe("bytes of a caller", () => {
  const adopt = (bytes: unknown) => source.adopt(bytes as Uint8Array);

  it("are memory where they are, and the caller's when that is closed", () => {
    const bytes = new Uint8Array(new ArrayBuffer(12_288), 4096, 8192);
    const memory = adopt(bytes);
    expect([memory.size, memory.byteOffset, memory.buffer === bytes.buffer]).toEqual([8192, 4096, true]);
    new Uint8Array(memory.buffer)[4096] = 5;
    memory.close();
    expect([bytes[0], bytes.length]).toEqual([5, 8192]);
    using whole = adopt(bytes.buffer);
    expect(whole.size).toBe(12_288);
  });

  it.each([
    ["not whole pages", new Uint8Array(4095)],
    ["nothing", new Uint8Array(0)],
    ["not at a page of their buffer", new Uint8Array(new ArrayBuffer(8192), 1, 4096)],
  ])("that are %s are refused", (_what, bytes) => {
    expect(() => adopt(bytes)).toThrow(failing("ERR_MISALIGNED", /whole pages/));
  });

  it.each([
    ["none", 5],
    ["undefined", undefined],
    ["shared with other threads", new SharedArrayBuffer(4096)],
    [
      "of a buffer that may become smaller",
      new (ArrayBuffer as never as new (size: number, options: object) => ArrayBuffer)(4096, {
        maxByteLength: 8192,
      }),
    ],
  ])("that are %s are refused", (_what, bytes) => {
    expect(() => adopt(bytes)).toThrow(failing("ERR_INVALID_ARGUMENT", /bytes/));
  });
});
