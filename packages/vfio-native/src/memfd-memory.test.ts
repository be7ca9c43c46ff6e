import { fstatSync } from "node:fs";
import { failing } from "@userpci/interface/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileMemory } from "./file-memory.ts";
import { MemfdSource } from "./memfd-memory.ts";
import { loadNative } from "./native.ts";
import { ASYNC_SIZE } from "./pinning.ts";

const native = loadNative();
const source = new MemfdSource();
const EMFILE = -24;

let before = native.ledger();
beforeEach(() => {
  before = native.ledger();
});
afterEach(() => {
  expect(native.ledger()).toEqual(before);
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

  it("moves to another file, which takes no more than it must, and is still there", () => {
    using memory = source.alloc(2 ** 20, { label: "BAR" });
    const bytes = new Uint8Array(memory.buffer);
    bytes.set([1, 2, 3], 2 ** 18);
    using former = FileMemory.open(native, { fd: memory.file.fd }, {});
    const fd = memory.file.fd;
    memory.renew();
    expect(memory.file.fd).not.toBe(fd);
    expect(fstatSync(memory.file.fd)).toMatchObject({
      size: 2 ** 20,
      blocks: expect.toSatisfy((blocks: number) => blocks < 512),
    });
    expect(bytes.subarray(2 ** 18, 2 ** 18 + 4)).toEqual(Uint8Array.of(1, 2, 3, 0));
    bytes[2 ** 18] = 9;
    expect(new Uint8Array(former.buffer, 2 ** 18, 1)[0]).toBe(1);
    using now = FileMemory.open(native, { fd: memory.file.fd }, {});
    expect(new Uint8Array(now.buffer, 2 ** 18, 1)[0]).toBe(9);
    memory.close();
    expect(() => memory.renew()).toThrow(failing("ERR_CLOSED"));
  });

  it("does not leave threads that share it behind", () => {
    using memory = source.alloc(4096);
    memory.share?.();
    expect(() => memory.renew()).toThrow(failing("ERR_BUSY"));
  });

  it("stays what it is where no other file can be had", () => {
    let isFull = false;
    // -EIO, and then a part.
    const written = [-5, 100];
    const scarce = new MemfdSource({
      ...native,
      pwrite: () => written.shift()!,
      memfd: (...options) => (isFull ? EMFILE : native.memfd(...options)),
    });
    using memory = scarce.alloc(4096);
    const { fd } = memory.file;
    new Uint8Array(memory.buffer)[0] = 5;
    isFull = true;
    expect(() => memory.renew()).toThrow(failing("EMFILE"));
    isFull = false;
    expect(() => memory.renew()).toThrow(failing("EIO"));
    expect(() => memory.renew()).toThrow(failing("ENOSPC"));
    expect([memory.file.fd, new Uint8Array(memory.buffer)[0]]).toEqual([fd, 5]);
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
    for (const use of [() => memory.retain!(), () => memory.share!()])
      expect(use).toThrow(failing("ERR_CLOSED", /the DMA memory is closed/, /make it again/));
    expect(() => memory.release!()).toThrow(failing("ERR_INVALID_ARGUMENT", /released more often/));
  });

  it("is closed at once by closeAsync, and its pages are freed on another thread if they are many", async () => {
    const closed: string[] = [];
    const own = {
      ...native,
      close: (fd: number) => {
        closed.push("close");
        return native.close(fd);
      },
      closeAsync: async (fd: number) => {
        const result = await native.closeAsync(fd);
        closed.push("closeAsync");
        return result;
      },
    };
    const memory = new MemfdSource(own).alloc(ASYNC_SIZE);
    memory.retain!();
    await expect(memory.closeAsync!()).rejects.toEqual(failing("ERR_BUSY", /still mapped once/));
    memory.release!();
    const bytes = new Uint8Array(memory.buffer);
    const closing = memory.closeAsync!();
    expect([memory.closed, bytes.length, closed]).toEqual([true, 0, []]);
    await closing;
    await memory.closeAsync!();
    memory.close();
    expect(closed).toEqual(["closeAsync"]);
    const small = new MemfdSource(own).alloc(4096).closeAsync!();
    expect(closed).toEqual(["closeAsync", "close"]);
    await small;
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
    for (const fallback of [false, true]) {
      const none = failing("ERR_NOT_SUPPORTED", /8192/);
      expect(() => source.alloc(4096, { pageSize: 8192, fallback })).toThrow(none);
    }
  });
});

describe("huge pages that the system does not have", () => {
  const ENOMEM = -12;
  const ENODEV = -19;

  /** A source on a system whose memfds of huge pages end with an error each, and the sizes that were tried. */
  function without(errors: Partial<Record<"MFD_HUGE_2MB" | "MFD_HUGE_1GB", number>>) {
    const tried: number[] = [];
    const { MFD_HUGE_2MB, MFD_HUGE_1GB } = native.constants;
    const memfd: typeof native.memfd = (name, size, flags, seals) => {
      tried.push(size);
      const huge = flags & (MFD_HUGE_2MB | MFD_HUGE_1GB);
      if (huge === MFD_HUGE_2MB && errors.MFD_HUGE_2MB) return errors.MFD_HUGE_2MB;
      if (huge === MFD_HUGE_1GB && errors.MFD_HUGE_1GB) return errors.MFD_HUGE_1GB;
      return native.memfd(name, size, 0, seals);
    };
    return { tried, source: new MemfdSource({ ...native, memfd }) };
  }

  it("are an error that tells how many are needed and free, and how to have more", () => {
    const { source } = without({ MFD_HUGE_2MB: ENOMEM });
    expect(() => source.alloc(5 * 2 ** 20, { pageSize: 2 ** 21 })).toThrow(
      expect.objectContaining({
        code: "ENOMEM",
        message: expect.stringMatching(
          /6291456 bytes in pages of 2097152 bytes: 3 are needed, and \d+ of \d+ are free/,
        ),
        hint: expect.stringMatching(/hugepages-2048kB; echo .* > nr_hugepages; or \{ fallback: true \}/),
      }),
    );
  });

  it("give way to smaller ones where those will do, and the memory tells which", () => {
    const small = without({ MFD_HUGE_2MB: ENOMEM, MFD_HUGE_1GB: ENODEV });
    using memory = small.source.alloc(5000, { pageSize: 2 ** 30, fallback: true });
    expect([memory.pageSize, memory.size, small.tried]).toEqual([4096, 8192, [2 ** 30, 2 ** 21, 8192]]);
    const medium = without({ MFD_HUGE_1GB: ENOMEM });
    using other = medium.source.alloc(5000, { pageSize: 2 ** 30, fallback: true });
    expect([other.pageSize, other.size]).toEqual([2 ** 21, 2 ** 21]);
  });

  it("do not where something else is wrong", () => {
    const { source, tried } = without({ MFD_HUGE_2MB: EMFILE });
    const options = { pageSize: 2 ** 21, fallback: true };
    expect(() => source.alloc(5000, options)).toThrow(expect.objectContaining({ code: "EMFILE" }));
    expect(tried).toEqual([2 ** 21]);
    expect(() => source.alloc(5000, { fallback: 1 as never })).toThrow(
      failing("ERR_INVALID_ARGUMENT", /fallback/),
    );
  });
});
