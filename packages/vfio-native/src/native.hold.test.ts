import { describe, expect, it } from "vitest";
import { loadNative } from "./native.ts";
import { message, runChild, startWorker } from "./test/environments.ts";
import { wasmMemory } from "./test/wasm.ts";

const native = loadNative();

/** `reuse(hold, drop)`: how many of 2,000 new buffers lie where 20 others were, which are dropped. */
const common = `
  const size = 65536;
  function dropped(hold, drop) {
    const bytes = new Uint8Array(size);
    const place = { address: native.addressOf(bytes), handle: hold ? native.hold(bytes) : 0 };
    drop(bytes.buffer);
    return place;
  }
  function reuse(hold, drop) {
    const places = [];
    let count = 0;
    for (let round = 0; round < 20; round++) {
      places.push(dropped(hold, drop));
      gc(); gc();
      for (let more = 0; more < 100; more++) {
        const next = native.addressOf(new Uint8Array(size));
        if (places.some(({ address }) => Math.abs(next - address) < size)) count += 1;
      }
    }
    if (hold) for (const { handle } of places) native.letGo(handle);
    return count;
  }
  require("node:v8").setFlagsFromString("--expose-gc");
  const gc = require("node:vm").runInNewContext("gc");
`;

describe("memory that is held", () => {
  const drops = {
    collected: "() => undefined",
    transferred: "(buffer) => structuredClone(buffer, { transfer: [buffer] })",
    "transferred by transfer()": "(buffer) => buffer.transfer?.()",
    "detached by an addon": "(buffer) => native.detach(buffer)",
  };

  it.each(Object.entries(drops))("is nobody else's when its buffer is %s", (_what, drop) => {
    const { stdout, stderr } = runChild(`${common} console.log(reuse(true, ${drop}))`);
    expect([stdout, stderr]).toEqual(["0\n", ""]);
  });

  it("would be somebody else's soon", () => {
    const all = `[${Object.values(drops).join(", ")}]`;
    const { stdout, stderr } = runChild(`${common}
      for (let round = 0; round < 5; round++) console.log(${all}.map((drop) => reuse(false, drop)).join("\\n"));`);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^[1-9]/m);
  });

  it("stays in place when a stream reads into it, which transfers the buffer to and fro", async () => {
    const bytes = new Uint8Array(65536);
    const address = native.addressOf(bytes);
    const handle = native.hold(bytes);
    const stream = new ReadableStream({
      type: "bytes",
      pull: (controller) => controller.byobRequest?.respond(4),
    });
    const { value } = await stream.getReader({ mode: "byob" }).read(bytes);
    expect([bytes.length, native.addressOf(value!), native.letGo(handle)]).toEqual([0, address, 0]);
  });

  it("keeps what was written there, and the program sees it where the bytes have gone", () => {
    const bytes = new Uint8Array(65536).fill(5);
    const handle = native.hold(bytes);
    const moved = structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    expect([bytes.length, new Uint8Array(moved)[65535], native.letGo(handle)]).toEqual([0, 5, 0]);
  });

  it("may be shared memory, WebAssembly's, the pool of small buffers, or held twice", () => {
    const shared = new Uint8Array(new SharedArrayBuffer(8192));
    const kinds = [shared, shared, new Uint8Array(wasmMemory().buffer), Buffer.from("x")];
    const handles = kinds.map((bytes) => native.hold(bytes));
    expect(handles.every((handle) => handle > 0) && new Set(handles).size).toBe(4);
    expect(handles.map((handle) => native.letGo(handle))).toEqual([0, 0, 0, 0]);
  });

  it("outlives the WebAssembly memory that grew away from it", () => {
    const { stdout, stderr } = runChild(`${common}
      const held = (() => {
        const memory = new WebAssembly.Memory({ initial: 1, maximum: 4 });
        const bytes = new Uint8Array(memory.buffer);
        const held = { address: native.addressOf(bytes), handle: native.hold(bytes) };
        memory.grow(2);
        return { ...held, length: bytes.length };
      })();
      gc(); gc();
      const present = fs.readFileSync("/proc/self/maps", "utf8").includes(held.address.toString(16) + "-");
      console.log(held.length, present, native.letGo(held.handle));`);
    expect([stdout, stderr]).toEqual(["0 true 0\n", ""]);
  });

  it("can be given advice on, and no other memory of JavaScript's", () => {
    const page = native.pageSize();
    const bytes = new Uint8Array(4 * page);
    const address = Math.ceil(native.addressOf(bytes) / page) * page;
    const EINVAL = -22;
    expect(native.madvise(address, page, native.constants.MADV_DONTFORK)).toBe(EINVAL);
    const handle = native.hold(bytes);
    expect(native.madvise(address, page, native.constants.MADV_DONTFORK)).toBe(0);
    expect(native.madvise(address, page, native.constants.MADV_DOFORK)).toBe(0);
    expect(native.madvise(address, 4 * page, native.constants.MADV_DONTFORK)).toBe(EINVAL);
    native.letGo(handle);
  });

  it("is let go once", () => {
    expect(native.letGo(0)).toBe(-2);
    expect(() => native.hold(new Uint16Array(2) as never)).toThrow(/bytes must be a Uint8Array/);
    expect(() => native.hold(new ArrayBuffer(2) as never)).toThrow(/bytes must be a Uint8Array/);
  });

  it("is never freed when its worker ends without letting go", async () => {
    const worker = startWorker(`const bytes = new Uint8Array(65536).fill(3);
      parentPort.postMessage([native.addressOf(bytes), native.hold(bytes)]);
      setInterval(() => undefined, 1000);`);
    const [address, handle] = (await message(worker)) as [number, number];
    await worker.terminate();
    expect(handle).toBe(1);
    const places = Array.from({ length: 300 }, () => native.addressOf(new Uint8Array(65536)));
    expect(places.filter((place) => Math.abs(place - address) < 65536)).toEqual([]);
  });
});
