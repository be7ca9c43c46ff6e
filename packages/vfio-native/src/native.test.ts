import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { loadNative } from "./native.ts";
import { nativeConstants } from "./native-constants.ts";
import { runChild } from "./test/environments.ts";

const platform = Object.getOwnPropertyDescriptor(process, "platform")!;

async function loadAfresh(): Promise<unknown> {
  vi.resetModules();
  const { loadNative: loadAgain } = await import("./native.ts");
  try {
    loadAgain();
  } catch (error) {
    return error;
  }
  throw new Error("the addon loaded");
}

describe("loadNative", () => {
  afterEach(() => {
    Object.defineProperty(process, "platform", platform);
    vi.doUnmock("node:module");
  });

  it("loads once", () => {
    expect(loadNative()).toBe(loadNative());
  });

  it("says what to do on another system, and only when called", async () => {
    Object.defineProperty(process, "platform", { ...platform, value: "darwin" });
    const error = await loadAfresh();
    expect(error).toMatchObject({
      code: "ERR_NATIVE_UNAVAILABLE",
      hint: expect.stringContaining("emulated"),
    });
    expect((error as Error).message).toContain("darwin");
  });

  it("keeps the loader's own error as the cause", async () => {
    const broken = new Error("No native build was found");
    vi.doMock("node:module", () => ({
      createRequire: () => () => () => {
        throw broken;
      },
    }));
    expect(await loadAfresh()).toMatchObject({ code: "ERR_NATIVE_UNAVAILABLE", cause: broken });
  });

  it("names every constant that TypeScript knows, and no other", () => {
    const { constants } = loadNative();
    expect(Object.keys(constants)).toEqual([...nativeConstants]);
    expect(constants).toMatchObject({ PROT_READ: 1, PROT_WRITE: 2, MAP_SHARED: 1, F_SEAL_SHRINK: 2 });
  });
});

describe("arguments", () => {
  const native = loadNative();

  it.each([
    ["a string for a descriptor", () => native.close("3" as never), /fd must be a number/],
    ["a bigint for a descriptor", () => native.dup(3n as never), /fd must be a number/],
    ["nothing", () => native.open(undefined as never, 0), /path must be a string/],
    ["a path with a NUL", () => native.open("/dev/null\0x", 0), /NUL/],
    ["words for bytes", () => native.pread(3, new Uint32Array(2) as never, 0), /target must be a Uint8Array/],
    ["an object for an ioctl argument", () => native.ioctl(3, 1, {} as never), /argument must be a number/],
    ["wider elements for an ioctl", () => native.ioctl(3, 1, new Int16Array(1) as never), /Uint8Array/],
    ["no function to call back", () => native.watch(3, 0, {} as never), /callback must be a function/],
    ["a number for an array", () => native.sendmsg(3, new Uint8Array(1), 4 as never), /array of at most 253/],
    [
      "too many descriptors",
      () => native.sendmsg(3, new Uint8Array(1), new Array(254).fill(0)),
      /at most 253/,
    ],
    ["a string among descriptors", () => native.sendmsg(3, new Uint8Array(1), ["x" as never]), /descriptors/],
    ["a shared buffer to detach", () => native.detach(new SharedArrayBuffer(8) as never), /an ArrayBuffer/],
    ["a number for a boolean", () => native.watchRef(1, 1 as never), /on must be a boolean/],
    ["a plain array to poll", () => native.poll([1] as never, 0), /an Int32Array/],
    ["a string to write", () => native.writeScalar(3, 0, 4, "1" as never), /value must be a number/],
  ])("refuses %s with a TypeError", (_what, call, text) => {
    expect(call).toThrow(TypeError);
    expect(call).toThrow(text);
  });

  it.each([
    ["a fraction of a descriptor", () => native.close(3.5)],
    ["a descriptor that would wrap around to 3", () => native.close(2 ** 32 + 3)],
    ["a request above 32 bits", () => native.ioctl(3, 2 ** 32, 0)],
    ["not a number", () => native.readScalar(3, Number.NaN, 4)],
    ["a position that is not exact", () => native.readScalar(3, 2 ** 54, 4)],
    ["an infinite length", () => native.munmap(4096, Number.POSITIVE_INFINITY)],
    ["a negative address", () => native.view(-4096, 1)],
    ["a slot past the table", () => native.faultFlag(4096)],
    ["an unknown kind of watch", () => native.watch(3, 3 as never, () => {})],
  ])("refuses %s with a RangeError", (_what, call) => {
    expect(call).toThrow(RangeError);
  });

  it("keeps the bytes it was given when reading another argument runs code that takes them away", () => {
    const ends = native.socketpair(native.constants.SOCK_STREAM) as [number, number];
    const bytes = new Uint8Array(64).fill(7);
    const fds = Object.defineProperty([0], 0, {
      get() {
        structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
        return ends[0];
      },
    });
    expect(native.sendmsg(ends[0], bytes, fds)).toBe(0);
    for (const fd of ends) native.close(fd);
  });

  it("survive every combination of wrong values in every function", () => {
    // Some of them make files.
    const folder = mkdtempSync(join(tmpdir(), "userpci-"));
    const body = `
      const values = [undefined, null, true, -1, 0, 1, 2, 3.5, 77, 4096, 2 ** 31, 2 ** 40, 2 ** 60, NaN, Infinity,
        10n, "", "x", Symbol.iterator, {}, [], [77], () => {}, new ArrayBuffer(0), new SharedArrayBuffer(8),
        new Uint8Array(0), new Uint8Array(8), new Int32Array(2), new DataView(new ArrayBuffer(8)), new Proxy([], {})];
      const few = [undefined, 4096, "x", [77]];
      // These reach memory or descriptors that the test itself needs; each has tests of its own.
      const skipped = new Set(["constants", "view", "ioctl", "ioctlAsync", "adopt", "dup"]);
      let calls = 0;
      for (const [name, call] of Object.entries(native)) {
        if (skipped.has(name)) continue;
        for (const a of values) for (const b of values) for (const c of few) {
          // No standard stream, no wait without end.
          if (name === "poll" && (typeof b !== "number" || b !== 0)) continue;
          if ([0, 1, 2].includes(a) && /read|write|recv|send|shutdown|counter|watch/i.test(name)) continue;
          try {
            const result = call(a, b, c, 0, 0);
            if (result instanceof Promise) result.catch(() => process.abort());
            if (name === "mmap" && result > 0) native.munmap(result, a);
            if (["memfd", "eventfd", "open", "socket", "accept"].includes(name) && result >= 0) native.close(result);
            if (Array.isArray(result)) result.forEach(native.close);
          } catch (error) {
            if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
          }
          calls += 1;
        }
      }
      console.log(calls);
      process.exit(0);
    `;
    const { status, signal, stderr, stdout } = runChild(body, {}, folder);
    rmSync(folder, { recursive: true });
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: "" });
    expect(Number(stdout)).toBeGreaterThan(100_000);
  });
});

it("the package brings a file that node-gyp-build picks without a build folder", () => {
  const { path } = createRequire(import.meta.url)("node-gyp-build") as { path(folder: string): string };
  expect(path(new URL("..", import.meta.url).pathname)).toMatch(
    new RegExp(`prebuilds/linux-${process.arch}/vfio-native\\.napi\\.glibc\\.node$`),
  );
});
