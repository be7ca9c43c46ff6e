import { strict as assert } from "node:assert";
import { type OwnedRegion, type Region, regionIndex } from "@userpci/interface";
import { kernelBackend } from "../harness/backend.ts";
import { edu, startEdu } from "../harness/edu-registers.ts";
import { expectCode } from "../harness/expect.ts";
import { guestSuite } from "../harness/suite.ts";
import { at } from "../machines.ts";

const COMMAND = 0x04;

/** Turns memory and I/O decode on. */
function decode(config: Region): void {
  config.write16(COMMAND, config.read16(COMMAND) | 0b11);
}

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  tests: {
    "each region has the size and flags that the hardware has": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      assert.deepEqual(device.regionInfo(0).mappable, [{ offset: 0, size: 2 ** 20 }]);
      assert.equal(device.regionInfo(0).size, 2 ** 20);
      assert.equal(device.regionInfo(1).size, 0);
      assert.equal(device.regionInfo(regionIndex.config).size, 256);
      expectCode("ERR_OUT_OF_RANGE", () => device.regionInfo(99));
      expectCode("ERR_NOT_SUPPORTED", () => device.region(1));
      expectCode("ERR_NOT_SUPPORTED", () => device.mapRegion(1));
    },

    "every region that the device counts can be asked for": () => {
      using backend = kernelBackend();
      for (const address of [at.edu, at.nvme, at.e1000e]) {
        using device = backend.openSync(address);
        const present = Array.from({ length: device.info.regions }, (_, i) => device.regionInfo(i))
          .filter(({ size }) => size > 0)
          .map(({ index }) => index);
        const expected = {
          [at.edu]: [0, 7],
          [at.nvme]: [0, 7],
          [at.e1000e]: [0, 1, 2, 3, 6, 7],
        };
        assert.deepEqual(present, expected[address]);
        expectCode("ERR_OUT_OF_RANGE", () => device.regionInfo(device.info.regions));
      }
    },

    "configuration space takes accesses of 8, 16 and 32 bits, and no others": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      const config = device.region(regionIndex.config);
      assert.equal(config.read8(0), 0x34);
      assert.equal(config.read16(2), 0x11e8);
      assert.equal(config.read32(0), 0x11e8_1234);
      config.write8(0x3c, 0x2a);
      assert.equal(config.read8(0x3c), 0x2a, "the interrupt line is virtual and writable");
      expectCode("ERR_NOT_SUPPORTED", () => config.read64(0));
      expectCode("ERR_NOT_SUPPORTED", () => config.write64(0, 0n));
    },

    "a mapped BAR and the same BAR by system calls show the same device": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using mapped = startEdu(device);
      const called = device.region(0);
      assert.equal(mapped.read32(edu.ID), 0x0100_00ed);
      assert.equal(called.read32(edu.ID), 0x0100_00ed);
      mapped.write32(edu.LIVENESS, 0x1234_5678);
      assert.equal(called.read32(edu.LIVENESS), 0xedcb_a987);
      called.write32(edu.LIVENESS, 0);
      assert.equal(
        mapped.read32(edu.LIVENESS),
        0xffff_ffff,
        "all ones are a value while nothing has faulted",
      );
      mapped.write64(edu.DMA_SOURCE, 0x0123_4567n);
      assert.equal(mapped.read64(edu.DMA_SOURCE), 0x0123_4567n);
      expectCode("ERR_NOT_SUPPORTED", () => called.read64(edu.DMA_SOURCE));
      expectCode("ERR_NOT_SUPPORTED", () => called.write64(edu.DMA_SOURCE, 1n));
    },

    "offsets outside the region, misaligned or no integers reach no device": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using mapped = startEdu(device);
      for (const region of [mapped, device.region(0), device.region(regionIndex.config)]) {
        for (const width of [8, 16, 32] as const) checkBounds(region, width);
      }
      checkBounds(mapped, 64);
    },

    "a region of a BAR is unmapped once, and then says so": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      const mapped = startEdu(device);
      mapped.close();
      mapped.close();
      assert.equal(mapped.closed, true);
      expectCode("ERR_CLOSED", () => mapped.read32(0));
      expectCode("ERR_CLOSED", () => mapped.write8(0, 1));
      using again = device.mapRegion(0);
      assert.equal(again.read32(edu.ID), 0x0100_00ed);
    },

    "memory decode switched off turns reads into an error, and on again into a device": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using mapped = startEdu(device);
      const config = device.region(regionIndex.config);
      assert.equal(mapped.read32(edu.ID), 0x0100_00ed);
      config.write16(COMMAND, 0);
      expectCode("ERR_MEMORY_DISABLED", () => mapped.read32(edu.ID));
      expectCode("ERR_MEMORY_DISABLED", () => mapped.read8(0x2000));
      expectCode("ERR_MEMORY_DISABLED", () => mapped.write32(edu.LIVENESS, 1));
      expectCode("ERR_MEMORY_DISABLED", () => device.region(0).read32(edu.ID));
      config.write16(COMMAND, 0b10);
      assert.equal(mapped.read32(edu.ID), 0x0100_00ed);
      mapped.write32(edu.LIVENESS, 7);
      assert.equal(mapped.read32(edu.LIVENESS), ~7 >>> 0);
    },

    "a value written while memory decode is off is not read back as the device's": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using mapped = startEdu(device);
      const config = device.region(regionIndex.config);
      config.write16(COMMAND, 0);
      mapped.write32(edu.LIVENESS, 5);
      expectCode("ERR_MEMORY_DISABLED", () => mapped.read32(edu.LIVENESS));
      config.write16(COMMAND, 0b10);
      assert.equal(mapped.read32(edu.ID), 0x0100_00ed);
    },

    "a write that found nobody is reported by the next read, and then the device is back": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using mapped = startEdu(device);
      const config = device.region(regionIndex.config);
      config.write16(COMMAND, 0);
      mapped.write32(edu.LIVENESS, 7);
      expectCode("ERR_MEMORY_DISABLED", () => mapped.read32(edu.LIVENESS));
      expectCode("ERR_MEMORY_DISABLED", () => mapped.write32(edu.LIVENESS, 7));
      config.write16(COMMAND, 0b10);
      mapped.write32(edu.LIVENESS, 7);
      assert.equal(mapped.read32(edu.LIVENESS), ~7 >>> 0);
    },

    "optimised code sees memory decode go and come back too": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using mapped = startEdu(device);
      const config = device.region(regionIndex.config);
      const read = (): number => mapped.read32(edu.ID);
      for (let i = 0; i < 50_000; i++) read();
      for (let round = 0; round < 3; round++) {
        config.write16(COMMAND, 0);
        expectCode("ERR_MEMORY_DISABLED", read);
        config.write16(COMMAND, 0b10);
        assert.equal(read(), 0x0100_00ed);
      }
    },

    "the MSI-X table is the kernel's, and the rest of its BAR the user's": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.nvme);
      const config = device.region(regionIndex.config);
      decode(config);
      const table = msixTable(config);
      const called = device.region(table.bar);
      using mapped = device.mapRegion(table.bar);
      // Version register of the NVMe base specification, section 3.1.3.2.
      assert.equal(mapped.read32(8), called.read32(8));
      const reads = device.regionInfo(table.bar).msixMappable;
      for (const region of reads ? [] : [mapped, called]) {
        expectCode("ERR_MSIX_TABLE", () => region.read32(table.offset));
        expectCode("ERR_MSIX_TABLE", () => region.write32(table.offset + 12, 0));
        expectCode("ERR_MSIX_TABLE", () => region.write32(table.offset + table.size - 4, 0));
      }
      if (reads)
        assert.equal(mapped.read32(table.offset + 12) & 1, 1, "a masked vector, shown by the device");
    },

    "an I/O port BAR works by system calls and cannot be mapped": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.e1000e);
      decode(device.region(regionIndex.config));
      // BAR 2 of the 82574 is a window of an address and a data port; register 8 is the status register.
      const ports = device.region(2);
      using registers = device.mapRegion(0);
      ports.write32(0, 0x8);
      assert.equal(ports.read32(4), registers.read32(0x8));
      expectCode("ERR_NOT_SUPPORTED", () => device.mapRegion(2));
    },

    "the expansion ROM reads, and cannot be mapped or written": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.e1000e);
      decode(device.region(regionIndex.config));
      const info = device.regionInfo(regionIndex.rom);
      assert.equal(info.writable, false);
      assert.equal(device.region(regionIndex.rom).read16(0), 0xaa55, "the signature of an expansion ROM");
      expectCode("ERR_NOT_SUPPORTED", () => device.mapRegion(regionIndex.rom));
    },
  },
});

function checkBounds(region: Region | OwnedRegion, bits: 8 | 16 | 32 | 64): void {
  const width = bits / 8;
  const read = (offset: number): unknown => region[`read${bits}`](offset);
  expectCode("ERR_OUT_OF_RANGE", () => read(region.size));
  expectCode("ERR_OUT_OF_RANGE", () => read(-width));
  expectCode("ERR_OUT_OF_RANGE", () => read(2 ** 32));
  expectCode("ERR_INVALID_ARGUMENT", () => read(Number.NaN));
  expectCode("ERR_INVALID_ARGUMENT", () => read(0.5));
  if (width > 1) expectCode("ERR_MISALIGNED", () => read(width / 2));
}

function msixTable(config: Region): { bar: number; offset: number; size: number } {
  let capability = config.read8(0x34);
  while (config.read8(capability) !== 0x11) capability = config.read8(capability + 1);
  const location = config.read32(capability + 4);
  const entries = (config.read16(capability + 2) & 0x7ff) + 1;
  return { bar: location & 7, offset: location & ~7, size: entries * 16 };
}
