import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MemfdSource } from "./memfd-memory.ts";
import { loadNative } from "./native.ts";

const native = loadNative();
const source = new MemfdSource();

let before = native.ledger();
beforeEach(() => {
  before = native.ledger();
});
afterEach(() => {
  expect(native.ledger()).toEqual(before);
});

const failing = (code: string, message: RegExp) =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(message),
    hint: expect.stringMatching(/./),
  });

describe("memory from memfds", () => {
  it("is zeroed, whole pages, and gone when closed", () => {
    const memory = source.alloc(5000, { label: "ring" });
    const bytes = new Uint8Array(memory.buffer);
    expect([memory.size, bytes.length, bytes.every((byte) => byte === 0)]).toEqual([8192, 8192, true]);
    memory.close();
    memory.close();
    expect([memory.closed, bytes.length]).toEqual([true, 0]);
  });

  it("stays while it is mapped, and says how often", () => {
    const memory = source.alloc(4096);
    memory.retain!();
    expect(() => memory.close()).toThrow(failing("ERR_BUSY", /still mapped once$/));
    memory.retain!();
    expect(() => memory.close()).toThrow(failing("ERR_BUSY", /still mapped 2 times$/));
    expect(new Uint8Array(memory.buffer).length).toBe(4096);
    memory.release!();
    memory.release!();
    expect(() => memory.release!()).toThrow(failing("ERR_INVALID_ARGUMENT", /released more often/));
    memory.close();
    expect(() => memory.retain!()).toThrow(failing("ERR_CLOSED", /closed/));
    expect(() => memory.release!()).toThrow(failing("ERR_INVALID_ARGUMENT", /released more often/));
  });

  it("stays open when it cannot be given back, and can be closed later", () => {
    const EBUSY = -16;
    const closed: number[] = [];
    const close = (fd: number) => {
      closed.push(fd);
      return native.close(fd);
    };
    const own = { ...native, close, retire: (_buffer: ArrayBuffer) => EBUSY };
    const memory = new MemfdSource(own).alloc(4096);
    expect(() => memory.close()).toThrow(failing("EBUSY", /giving 4096 bytes of memory back: EBUSY/));
    expect([memory.closed, memory.buffer.byteLength, closed]).toEqual([false, 4096, []]);
    own.retire = native.retire;
    memory.close();
    expect([memory.closed, memory.buffer.byteLength, closed]).toEqual([true, 0, [memory.file!.fd]]);
  });

  it.each([
    ["a size", () => source.alloc("4096" as never), /size must be an integer, not "4096"/],
    ["options", () => source.alloc(4096, null as never), /options must be an object, not null/],
    ["a page size", () => source.alloc(4096, { pageSize: 4096n as never }), /pageSize .* not 4096n/],
    ["a label", () => source.alloc(4096, { label: 5 as never }), /label must be a string, not 5/],
    ["a label with a NUL", () => source.alloc(4096, { label: "\0" }), /label of 1 bytes/],
  ])("refuses %s that is none, and allocates nothing", (_what, alloc, message) => {
    expect(alloc).toThrow(failing("ERR_INVALID_ARGUMENT", message));
  });

  it("knows the pages that there are", () => {
    expect(() => source.alloc(4096, { pageSize: 8192 })).toThrow(failing("ERR_NOT_SUPPORTED", /8192/));
  });
});
