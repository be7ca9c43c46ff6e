import type { Region } from "@userpci/interface";

type MappedRegionModule = typeof import("../../../packages/vfio-native/dist/mapped-region.js");

/** Makes a region over the whole of a buffer. */
export type MakeRegion = (buffer: ArrayBuffer) => Promise<Region>;

let copies = 0;

/** The class under test: each call loads the module anew, so that V8 has no feedback from an earlier use. */
async function mapped(buffer: ArrayBuffer): Promise<Region> {
  const url = new URL("mapped-region.js", import.meta.resolve("@userpci/vfio-native"));
  url.searchParams.set("copy", String(copies++));
  const { MappedRegion } = (await import(url.href)) as MappedRegionModule;
  const supervisor = {
    assertUsable: () => undefined,
    decodesMemory: () => true,
    faultError: () => {
      throw new Error("no access of this test can fault");
    },
    delete: () => undefined,
  };
  const window = {
    offset: 0,
    buffer,
    fault: new Int32Array(1),
    remap: () => undefined,
    release: () => undefined,
  };
  return new MappedRegion("the guarded page", buffer.byteLength, [window], none, supervisor);
}

/** Elements of typed arrays: reads may vanish, merge and narrow. */
async function plain(buffer: ArrayBuffer): Promise<Region> {
  const u8 = new Uint8Array(buffer);
  const u16 = new Uint16Array(buffer);
  const u32 = new Uint32Array(buffer);
  const u64 = new BigUint64Array(buffer);
  return {
    size: buffer.byteLength,
    read8: (offset) => u8[offset]!,
    read16: (offset) => u16[offset >>> 1]!,
    read32: (offset) => u32[offset >>> 2]!,
    read64: (offset) => u64[offset >>> 3]!,
    write8: (offset, value) => {
      u8[offset] = value;
    },
    write16: (offset, value) => {
      u16[offset >>> 1] = value;
    },
    write32: (offset, value) => {
      u32[offset >>> 2] = value;
    },
    write64: (offset, value) => {
      u64[offset >>> 3] = value;
    },
  };
}

/** A DataView: single bytes until it is optimised. */
async function dataView(buffer: ArrayBuffer): Promise<Region> {
  const view = new DataView(buffer);
  return {
    size: buffer.byteLength,
    read8: (offset) => view.getUint8(offset),
    read16: (offset) => view.getUint16(offset, true),
    read32: (offset) => view.getUint32(offset, true),
    read64: (offset) => view.getBigUint64(offset, true),
    write8: (offset, value) => view.setUint8(offset, value),
    write16: (offset, value) => view.setUint16(offset, value, true),
    write32: (offset, value) => view.setUint32(offset, value, true),
    write64: (offset, value) => view.setBigUint64(offset, value, true),
  };
}

/** Atomics both ways: a store is a locked exchange, which reads the register too. */
async function atomics(buffer: ArrayBuffer): Promise<Region> {
  const u8 = new Uint8Array(buffer);
  const u16 = new Uint16Array(buffer);
  const u32 = new Uint32Array(buffer);
  const u64 = new BigUint64Array(buffer);
  return {
    size: buffer.byteLength,
    read8: (offset) => Atomics.load(u8, offset),
    read16: (offset) => Atomics.load(u16, offset >>> 1),
    read32: (offset) => Atomics.load(u32, offset >>> 2),
    read64: (offset) => Atomics.load(u64, offset >>> 3),
    write8: (offset, value) => void Atomics.store(u8, offset, value),
    write16: (offset, value) => void Atomics.store(u16, offset >>> 1, value),
    write32: (offset, value) => void Atomics.store(u32, offset >>> 2, value),
    write64: (offset, value) => void Atomics.store(u64, offset >>> 3, value),
  };
}

/** Where the class under test would send accesses outside its windows. */
const none: Region = await plain(new ArrayBuffer(0));

/** `mapped` is the class under test. The others are wrong, each in its way, and show that the test sees it. */
export const regions = { mapped, plain, dataView, atomics } as const;

export type RegionName = keyof typeof regions;
