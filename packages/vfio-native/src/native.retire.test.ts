import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadNative } from "./native.ts";
import { message, runChild, startWorker } from "./test/environments.ts";

// tests/native/late-use.test.ts closes memory under calls of Node's own thread pool.

const native = loadNative();
const { MAP_SHARED, MFD_HUGETLB, MFD_HUGE_2MB, PROT_READ, PROT_WRITE } = native.constants;
const RW = PROT_READ | PROT_WRITE;
const page = native.pageSize();

let before = native.ledger();
beforeEach(() => {
  before = native.ledger();
});
afterEach(() => {
  expect(native.ledger()).toEqual(before);
});

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

interface Shown {
  readonly address: number;
  buffer: ArrayBuffer | undefined;
}

function show(name: string, size: number, flags = 0): Shown | number {
  const fd = native.memfd(name, size, flags, 0);
  if (fd < 0) return fd;
  const address = native.mmap(size, RW, MAP_SHARED, fd, 0);
  native.close(fd);
  return address < 0 ? address : { address, buffer: native.view(address, size) as ArrayBuffer };
}

/** What is mapped at an address, or undefined. */
function mappingAt(address: number): string | undefined {
  for (const line of readFileSync("/proc/self/maps", "utf8").split("\n")) {
    const [start, end] = line.split(/[- ]/).map((word) => Number.parseInt(word, 16));
    if (start! <= address && address < end!) return line;
  }
  return undefined;
}

/** Waits until garbage collections have left nothing mapped at an address. */
async function unmapped(address: number): Promise<void> {
  await expect
    .poll(
      () => {
        collect();
        return mappingAt(address);
      },
      { interval: 5, timeout: 10_000 },
    )
    .toBeUndefined();
}

function moveBytes(buffer: ArrayBuffer): ArrayBuffer {
  return (buffer as ArrayBuffer & { transfer(): ArrayBuffer }).transfer();
}

describe("retire", () => {
  it("gives the memory back at once, and its place when nobody has the buffer any more", async () => {
    const shown = show("retired", 4 * page) as Shown;
    let bytes: Uint8Array | undefined = new Uint8Array(shown.buffer!, page, 1);
    bytes[0] = 7;
    expect(native.retire(shown.buffer!)).toBe(0);
    expect([shown.buffer!.byteLength, bytes.length]).toEqual([0, 0]);
    expect(native.ledger()).toEqual(before);
    expect(readFileSync("/proc/self/maps", "utf8")).not.toContain("memfd:retired");

    shown.buffer = undefined;
    for (let i = 0; i < 5; i++) {
      collect();
      await delay(1);
    }
    expect(mappingAt(shown.address)).toMatch(/ rw-p /); // `bytes` still leads there
    expect(bytes.byteOffset).toBe(0);
    bytes = undefined;
    await unmapped(shown.address);
  });

  it("keeps the place for bytes that were moved to another buffer", async ({ skip }) => {
    if (!("transfer" in ArrayBuffer.prototype)) skip("ArrayBuffer.prototype.transfer comes with Node 22");
    const shown = show("moved", page) as Shown;
    let moved: Uint8Array | undefined = new Uint8Array(moveBytes(shown.buffer!));
    expect(native.retire(shown.buffer!)).toBe(0);
    shown.buffer = undefined;
    for (let i = 0; i < 5; i++) {
      collect();
      await delay(1);
    }
    moved.fill(9);
    expect(mappingAt(shown.address)).toMatch(/ rw-p /);
    moved = undefined;
    await unmapped(shown.address);
  });

  it("replaces huge pages as a whole", async ({ skip }) => {
    const size = 2 * 2 ** 21;
    const shown = show("huge", size, MFD_HUGETLB | MFD_HUGE_2MB);
    if (typeof shown === "number")
      skip("no huge pages: echo 2 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
    new Uint8Array((shown as Shown).buffer!)[0] = 1;
    expect(native.retire((shown as Shown).buffer!)).toBe(0);
    expect(readFileSync("/proc/self/maps", "utf8")).not.toContain("memfd:huge");
    (shown as Shown).buffer = undefined;
    await unmapped((shown as Shown).address);
  });

  it("refuses what is not a view of a mapping of ours, and one whose faults are claimed", () => {
    expect(native.retire(new ArrayBuffer(page))).toBe(-22);
    const { address, buffer } = show("claimed", page) as Shown;
    const slot = native.claimFaults(address, page);
    expect(native.retire(buffer!)).toBe(-16);
    expect(buffer!.byteLength).toBe(page);
    native.releaseFaults(slot);
    expect(native.retire(buffer!)).toBe(0);
    expect(native.retire(buffer!)).toBe(-22);
  });

  it("leaves nothing mapped when its worker ends", async () => {
    const worker = startWorker(`
      const { address, words } = mapped(native.memfd("worker", native.pageSize(), 0, 0), 1);
      native.retire(words.buffer);
      globalThis.words = words;
      parentPort.postMessage(address);
      setInterval(() => {}, 1000);`);
    const address = (await message(worker)) as number;
    expect(mappingAt(address)).toMatch(/ rw-p /);
    await worker.terminate();
    expect(mappingAt(address)).toBeUndefined();
  });
});

describe("a process", () => {
  it("needs no more mappings and little more address space after 10,000 rounds", () => {
    const result = runChild(`
      const size = 2 ** 21;
      const fd = native.memfd("rounds", size, 0, 0);
      const show = () => native.view(native.mmap(size, ...SHARED, fd, 0), size);
      const open = Array.from({ length: 100 }, show);
      function round(i) {
        native.retire(open[i % 97]); // not in the order of the addresses
        open[i % 97] = open.pop();
        open.push(show());
      }
      function used() {
        const status = fs.readFileSync("/proc/self/status", "utf8");
        const maps = fs.readFileSync("/proc/self/maps", "utf8");
        return [maps.split("\\n").length, Number(/VmSize:\\s+(\\d+)/.exec(status)[1]) / 1024];
      }
      (async () => {
        const [maps, mib] = used();
        for (let i = 0; i < 10_000; i++) {
          round(i);
          if (i % 10 === 0) await new Promise(setImmediate);
        }
        const [maps2, mib2] = used();
        console.log(maps2 - maps < 200, mib2 - mib < 10_000, native.ledger().mappings);
      })();`);
    expect(result).toMatchObject({ status: 0, signal: null, stdout: "true true 100\n", stderr: "" });
  });

  it("that has as many mappings as it may retires them all the same, and frees them later", ({ skip }) => {
    const most = Number(readFileSync("/proc/sys/vm/max_map_count", "utf8"));
    if (most > 2 ** 20) skip(`vm.max_map_count is ${most}: so many mappings take gigabytes to fill`);
    const result = runChild(`
      const page = native.pageSize();
      let shown = mapped(native.memfd("limit", page, 0, 0), 1);
      const fillers = [];
      for (;;) {
        const rights = fillers.length % 2; // two neighbours alike would be one
        const filler = native.mmap(page, rights, constants.MAP_PRIVATE | constants.MAP_ANONYMOUS, -1, 0);
        if (filler < 0) break;
        fillers.push(filler);
      }
      const result = native.retire(shown.words.buffer);
      for (const filler of fillers) native.munmap(filler, page);
      const isMapped = () => fs.readFileSync("/proc/self/maps", "utf8").includes("memfd:limit");
      console.log(result, shown.words.length, native.ledger().mappings, isMapped());
      require("node:v8").setFlagsFromString("--expose-gc");
      const collect = require("node:vm").runInNewContext("gc");
      shown = undefined;
      (async () => {
        for (let i = 0; i < 1000 && isMapped(); i++) { collect(); await new Promise(setImmediate); }
        console.log(isMapped());
      })();`);
    expect(result).toMatchObject({ status: 0, signal: null, stdout: "0 0 0 true\nfalse\n", stderr: "" });
  });

  it("that has as much private memory as it may keeps what is retired usable, and frees it later", () => {
    const result = runChild(
      `const { spawnSync } = require("node:child_process");
      require("node:v8").setFlagsFromString("--expose-gc");
      const collect = require("node:vm").runInNewContext("gc");
      const isMapped = () => / rw-s .*memfd:limit/.test(fs.readFileSync("/proc/self/maps", "utf8"));
      // Below what it has already: nothing private can be mapped then, not even in place of something else.
      const limitData = (limit) => spawnSync("prlimit", ["--pid", process.pid, "--data=" + limit + ":"]).status;
      let shown = mapped(native.memfd("limit", native.pageSize(), 0, 0), 1);
      limitData("unlimited");
      collect();
      const limited = limitData(2 ** 20);
      const result = native.retire(shown.words.buffer);
      limitData("unlimited");
      console.log(limited, result, shown.words.length, native.ledger().mappings, isMapped());
      shown = undefined;
      (async () => {
        for (let i = 0; i < 1000 && isMapped(); i++) { collect(); await new Promise(setImmediate); }
        console.log(isMapped());
      })();`,
      // What Node itself allocates while the limit holds comes from what malloc has in store, and not from the kernel.
      { MALLOC_ARENA_MAX: "1", MALLOC_TOP_PAD_: String(64 * 2 ** 20) },
    );
    expect(result).toMatchObject({ status: 0, signal: null, stdout: "0 0 0 0 true\nfalse\n", stderr: "" });
  });
});
