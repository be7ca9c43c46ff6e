import type { Region } from "@userpci/interface";

type MappedRegionModule = typeof import("../../../packages/vfio-native/dist/mapped-region.js");
type MappedRegion = InstanceType<MappedRegionModule["MappedRegion"]>;

/** Makes a region over the whole of a buffer. */
export type MakeRegion = (buffer: ArrayBuffer) => Promise<Region>;

let copies = 0;

/** The class under test: each call loads the module anew, so that V8 has no feedback from an earlier use. */
async function mapped(buffer: ArrayBuffer): Promise<MappedRegion> {
  const url = new URL("mapped-region.js", import.meta.resolve("@userpci/vfio-native"));
  url.searchParams.set("copy", String(copies++));
  const { MappedRegion } = (await import(url.href)) as MappedRegionModule;
  const supervisor = {
    assertUsable: () => undefined,
    decodesMemory: () => true,
    faultError: () => {
      throw new Error("no access of this test can fault");
    },
    goneError: () => undefined,
    delete: () => undefined,
  };
  const window = {
    offset: 0,
    buffer,
    fault: new Int32Array(1),
    remap: () => undefined,
    release: () => undefined,
  };
  return new MappedRegion("the guarded page", window, supervisor);
}

/** The same after a reset of its device, which V8 compiles with the branches that a reset takes. */
async function reset(buffer: ArrayBuffer): Promise<Region> {
  const region = await mapped(buffer);
  for (const bits of [8, 16, 32] as const) {
    region.block();
    region[`write${bits}`](0, 0);
    region.block();
    region[`read${bits}`](0);
  }
  region.block();
  region.write64(0, 0n);
  region.block();
  region.read64(0);
  return region;
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

/** The class under test, twice. The others are wrong, each in its way, and show that the test sees it. */
export const regions = { mapped, reset, plain, dataView, atomics } as const;

export type RegionName = keyof typeof regions;
