import { ftruncateSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadNative } from "./native.ts";

const native = loadNative();
const { constants } = native;
const { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE } = constants;
const RW = PROT_READ | PROT_WRITE;
const page = native.pageSize();
const EINVAL = -22;

let before = native.ledger();
beforeEach(() => {
  before = native.ledger();
});
afterEach(() => {
  expect(native.ledger()).toEqual(before);
});

function viewOf(address: number, length: number): ArrayBuffer {
  const buffer = native.view(address, length);
  if (typeof buffer === "number") throw new Error(`view ${buffer}`);
  return buffer;
}

function anonymous(pages: number): number {
  const address = native.mmap(pages * page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  expect(address).toBeGreaterThan(0);
  return address;
}

/** The permissions of the mapping at an address, or undefined. */
function mappingAt(address: number): string | undefined {
  for (const line of readFileSync("/proc/self/maps", "utf8").split("\n")) {
    const [, start, end, rights] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
    if (Number(`0x${start}`) <= address && address < Number(`0x${end}`)) return rights;
  }
  return undefined;
}

describe("mmap", () => {
  it("shares memory between a file and two views of it", () => {
    const fd = native.memfd("shared", 2 * page, 0, 0);
    const first = native.mmap(2 * page, RW, MAP_SHARED, fd, 0);
    const second = native.mmap(page, RW, MAP_SHARED, fd, page);
    new Uint32Array(viewOf(first, 2 * page))[page / 4] = 0xcafe;
    expect(new Uint32Array(viewOf(second, page))[0]).toBe(0xcafe);
    expect(native.readScalar(fd, page, 2)).toBe(0xcafe);
    native.munmap(first, 2 * page);
    native.munmap(second, page);
    native.close(fd);
  });

  it("answers errors as negative numbers", () => {
    expect(native.mmap(page, RW, MAP_SHARED, -1, 0)).toBe(-9);
    expect(native.mmap(0, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)).toBe(EINVAL);
    expect(native.mmap(2 ** 52, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)).toBe(-12);
  });

  it("puts something else over a range of ours, and over no other", () => {
    const address = anonymous(3);
    const words = new Uint32Array(viewOf(address, 3 * page));
    words.fill(7);
    expect(native.mmap(page, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0, address + page)).toBe(
      address + page,
    );
    expect([words[0], words[page / 4], words[(2 * page) / 4]]).toEqual([7, 0, 7]);

    const foreign = native.addressOf(new ArrayBuffer(16 * page));
    const aligned = Math.ceil(foreign / page) * page;
    const fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    expect(native.mmap(page, RW, fixed, -1, 0, aligned)).toBe(EINVAL);
    expect(native.mmap(2 * page, RW, fixed, -1, 0, address + 2 * page)).toBe(EINVAL);
    expect(native.munmap(address, 3 * page)).toBe(0);
  });
});

describe("munmap", () => {
  it("unmaps in parts", () => {
    const { mappings } = native.ledger();
    const address = anonymous(4);
    expect(native.munmap(address + page, page)).toBe(0);
    expect(mappingAt(address + page)).toBeUndefined();
    expect(native.ledger().mappings).toBe(mappings + 2);
    expect(native.munmap(address, 4 * page)).toBe(EINVAL); // has a hole now
    expect(native.munmap(address, page)).toBe(0);
    expect(native.munmap(address + 2 * page, 2 * page)).toBe(0);
    expect(native.munmap(address, page)).toBe(EINVAL);
  });

  it("leaves alone what this environment did not map", () => {
    const foreign = native.addressOf(new ArrayBuffer(16 * page));
    expect(native.munmap(Math.ceil(foreign / page) * page, page)).toBe(EINVAL);
    expect(native.munmap(0, page)).toBe(EINVAL);
    const address = anonymous(1);
    expect(native.munmap(address + 1, 1)).toBe(EINVAL);
    expect(native.munmap(address - page, 2 * page)).toBe(EINVAL);
    expect(native.munmap(address, 1)).toBe(0); // whole pages, as the kernel counts
  });
});

describe("views", () => {
  it("end when detached: no length, no value, no crash", () => {
    const address = anonymous(1);
    const buffer = viewOf(address, page);
    const words = new Uint32Array(buffer);
    words[0] = 5;
    expect(native.addressOf(buffer)).toBe(address);
    expect(native.addressOf(words.subarray(2))).toBe(address + 8);
    expect(native.addressOf(new DataView(buffer, 12))).toBe(address + 12);
    expect(native.detach(buffer)).toBe(0);
    expect(native.munmap(address, page)).toBe(0);
    expect([buffer.byteLength, words.length, words[0]]).toEqual([0, 0, undefined]);
    words[0] = 6;
    expect(() => Atomics.load(words, 0)).toThrow(TypeError);
    expect(native.detach(buffer)).toBe(0);
  });

  it("do not unmap when collected", () => {
    const address = anonymous(1);
    for (let i = 0; i < 1000; i++) viewOf(address, page);
    new Uint8Array(viewOf(address, page))[0] = 1;
    expect(native.munmap(address, page)).toBe(0);
  });

  it("are refused where there can be none", () => {
    expect(native.view(0, page)).toBe(-14);
    expect(native.view(page, 2 ** 53)).toBe(-27);
  });

  it("cannot detach memory that WebAssembly holds", () => {
    type Memory = new (size: { initial: number }) => { readonly buffer: ArrayBuffer };
    const { Memory } = (globalThis as unknown as { WebAssembly: { Memory: Memory } }).WebAssembly;
    expect(native.detach(new Memory({ initial: 1 }).buffer)).toBe(EINVAL);
  });
});

describe("memfd", () => {
  it("is named, sized and sealed", () => {
    const fd = native.memfd("userpci-test", 3 * page, 0, constants.F_SEAL_SHRINK | constants.F_SEAL_SEAL);
    expect(readFileSync(`/proc/self/fd/${fd}`).length).toBe(3 * page);
    expect(() => ftruncateSync(fd, page)).toThrow("EPERM");
    ftruncateSync(fd, 4 * page);
    const address = native.mmap(page, RW, MAP_SHARED, fd, 0);
    expect(readFileSync("/proc/self/maps", "utf8")).toContain("/memfd:userpci-test");
    native.munmap(address, page);
    native.close(fd);
  });

  it("opens nothing when it fails", () => {
    expect(native.memfd("x".repeat(300), page, 0, 0)).toBe(EINVAL);
    expect(native.memfd("x", page, 0, 1 << 30)).toBe(EINVAL);
    // Huge pages come in whole pages only.
    const { MFD_HUGETLB, MFD_HUGE_2MB } = constants;
    expect(native.memfd("x", page, MFD_HUGETLB | MFD_HUGE_2MB, 0)).toBeLessThan(0);
  });
});

describe("ranges", () => {
  it("are locked and unlocked in memory", () => {
    const address = anonymous(2);
    expect(native.mlock(address, page)).toBe(0);
    expect(readFileSync("/proc/self/status", "utf8")).not.toMatch(/VmLck:\s+0 kB/);
    expect(native.munlock(address, page)).toBe(0);
    native.munmap(address, 2 * page);
  });

  it("are kept from forked children, on request", () => {
    const address = anonymous(1);
    expect(native.madvise(address, page, constants.MADV_DONTFORK)).toBe(0);
    const smaps = readFileSync("/proc/self/smaps", "utf8");
    const own = smaps.slice(smaps.indexOf(`${address.toString(16)}-`));
    expect(/^VmFlags: (.*)$/m.exec(own)?.[1]).toMatch(/\bdc\b/); // "do not copy area on fork"
    expect(native.madvise(address, page, 12_345)).toBe(EINVAL);
    native.munmap(address, page);
  });

  it("must be this environment's", () => {
    const foreign = Math.ceil(native.addressOf(new ArrayBuffer(16 * page)) / page) * page;
    expect(native.madvise(foreign, page, 4 /* MADV_DONTNEED would zero it */)).toBe(EINVAL);
    expect(native.mlock(foreign, page)).toBe(EINVAL);
    expect(native.munlock(foreign, page)).toBe(EINVAL);
    expect(native.claimFaults(foreign, page)).toBe(EINVAL);
  });
});
