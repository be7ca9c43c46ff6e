import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { type DmaMemory, type MapRequest, toIova } from "@userpci/interface";
import { backendName, kernelBackend } from "../harness/backend.ts";
import { expectCode, expectRejection } from "../harness/expect.ts";
import { openWithMapper } from "../harness/mapper.ts";
import { holdings } from "../harness/process.ts";
import { guestSuite } from "../harness/suite.ts";
import { at } from "../machines.ts";

const PAGE = 4096;
const MIB = 2 ** 20;
/** Where message signalled interrupts go on x86: no DMA gets there (VT-d specification, section 3.14). */
const MSI_WINDOW = 0xfee0_0000n;

const [MAP_REQUEST, UNMAP_REQUEST] =
  backendName === "vfio-cdev"
    ? ["IOMMU_IOAS_MAP", "IOMMU_IOAS_UNMAP"]
    : ["VFIO_IOMMU_MAP_DMA", "VFIO_IOMMU_UNMAP_DMA"];

const freeHugePages = (): number =>
  Number(/^HugePages_Free:\s*(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"))![1]);

/** A request to the kernel itself, past what a domain would refuse. */
function request(memory: DmaMemory, iova: bigint, size: number): MapRequest {
  return { iova: toIova(iova), size, memory, offset: 0, direction: "bidirectional" };
}

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  tests: {
    "mapped memory is pinned, and no longer when it is unmapped": async () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      for (const size of [PAGE, 2 * MIB]) {
        using memory = backend.memory.alloc(size);
        const mapping = await device.domain.map(memory, { label: "ring" });
        assert.equal(mapping.size, size);
        assert.equal(mapping.label, "ring");
        assert.equal(holdings().pinned, size);
        assert.equal(device.domain.mappedBytes, size);
        expectCode("ERR_BUSY", () => memory.close());
        await mapping.unmap();
        await mapping.unmap();
        assert.equal(mapping.closed, true);
        assert.equal(holdings().pinned, 0);
      }
    },

    "mapping 64 MiB leaves the event loop turning": async () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using memory = backend.memory.alloc(64 * MIB);
      let turns = 0;
      const timer = setInterval(() => turns++, 1);
      const mapping = await device.domain.map(memory);
      const whileMapping = turns;
      await mapping.unmap();
      clearInterval(timer);
      assert.ok(whileMapping > 0, `${whileMapping} turns while it was mapped`);
      assert.equal(holdings().pinned, 0);
    },

    "large mappings are made side by side, and all of them end with the device": async () => {
      const before = holdings();
      {
        await using backend = kernelBackend();
        const device = await backend.open(at.edu);
        const memories = [1, 2, 3].map(() => backend.memory.alloc(16 * MIB));
        const mappings = await Promise.all(memories.map((memory) => device.domain.map(memory)));
        assert.equal(new Set(mappings.map(({ iova }) => iova)).size, 3);
        assert.equal(holdings().pinned, 48 * MIB);
        await device.close();
        assert.ok(mappings.every(({ closed }) => closed));
        for (const memory of memories) memory.close();
      }
      assert.deepEqual(holdings(), before);
    },

    "huge pages back memory that asks for them, and go back to the system": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      const free = freeHugePages();
      using memory = backend.memory.alloc(3 * MIB, { pageSize: 2 * MIB });
      assert.equal(memory.size, 4 * MIB);
      assert.equal(memory.pageSize, 2 * MIB);
      using mapping = device.domain.mapSync(memory);
      assert.equal(freeHugePages(), free - 2);
      assert.equal(mapping.iova % BigInt(2 * MIB), 0n, "aligned, so that the IOMMU can use a large page");
      mapping.unmapSync();
      memory.close();
      assert.equal(freeHugePages(), free);
    },

    "huge pages that the system does not have are refused with the command that reserves them": () => {
      using backend = kernelBackend();
      const few = expectCode("ENOMEM", () => backend.memory.alloc(64 * MIB, { pageSize: 2 * MIB }));
      const free = freeHugePages();
      assert.deepEqual(few.details, { pageSize: 2 * MIB, needed: 32, free, total: 8 });
      assert.match(few.message, new RegExp(`32 are needed, and ${free} of 8 are free`));
      assert.match(few.hint!, new RegExp(`hugepages-2048kB; echo .* \\+ ${32 - free}\\)\\) > nr_hugepages`));
      const none = expectCode("ENOMEM", () => backend.memory.alloc(1, { pageSize: 2 ** 30 }));
      assert.match(none.hint!, /hugepages-1048576kB; echo .* \+ 1\)\) > nr_hugepages/);
      expectCode("ERR_NOT_SUPPORTED", () => backend.memory.alloc(1, { pageSize: 65536 }));
      expectCode("ERR_OUT_OF_RANGE", () => backend.memory.alloc(0));
    },

    "the valid addresses leave the MSI window out": () => {
      using opened = openWithMapper(at.edu);
      const { ranges, pageSize } = opened.mapper.limits();
      assert.equal(pageSize, PAGE);
      assert.deepEqual(opened.domain.ranges, ranges);
      assert.equal(ranges[0]!.start, 0n);
      assert.equal(ranges[0]!.last, MSI_WINDOW - 1n);
      assert.equal(ranges[1]!.start, MSI_WINDOW + 0x10_0000n);
      assert.ok(ranges[1]!.last >= 2n ** 39n - 1n);
    },

    "a place outside the valid addresses is refused with those there are": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using memory = backend.memory.alloc(2 * PAGE);
      const top = device.domain.ranges.at(-1)!.last;
      const places = [MSI_WINDOW, MSI_WINDOW - 4096n, MSI_WINDOW + 0xf_f000n, top - 4095n, 2n ** 64n - 4096n];
      for (const iova of places) {
        const error = expectCode("ERR_IOVA_RANGE", () =>
          device.domain.mapSync(memory, { iova: toIova(iova) }),
        );
        assert.match(error.message, /0xfeefffff|0xfedfffff/, `${iova}`);
      }
      using last = device.domain.mapSync(memory, { iova: toIova(top - 8191n) });
      assert.equal(last.iova + BigInt(last.size) - 1n, top, "the very last pages are usable");
    },

    "an overlap is refused by the domain, which names the other mapping": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using memory = backend.memory.alloc(4 * PAGE);
      using first = device.domain.mapSync(memory, { iova: toIova(0x10_0000), label: "rx ring" });
      for (const iova of [0xf_d000, 0x10_0000, 0x10_1000, 0x10_3000]) {
        const error = expectCode("ERR_IOVA_OVERLAP", () =>
          device.domain.mapSync(memory, { iova: toIova(iova) }),
        );
        assert.match(error.message, /"rx ring" at 0x100000-0x103fff/);
      }
      using next = device.domain.mapSync(memory, { iova: toIova(0x10_4000) });
      assert.equal(device.domain.find(0x10_3fffn), first);
      assert.equal(device.domain.find(0x10_4000n), next);
      assert.equal(device.domain.find(0x10_8000n), undefined);
    },

    "what makes no sense is refused before the kernel is asked, and keeps nothing": async () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      const { domain } = device;
      const memory = backend.memory.alloc(2 * PAGE);
      const refusals = [
        ["ERR_MISALIGNED", { size: 100 }],
        ["ERR_MISALIGNED", { offset: 1 }],
        ["ERR_MISALIGNED", { iova: toIova(0x1001) }],
        ["ERR_OUT_OF_RANGE", { size: 0 }],
        ["ERR_OUT_OF_RANGE", { size: 3 * PAGE }],
        ["ERR_OUT_OF_RANGE", { offset: 2 * PAGE }],
        ["ERR_OUT_OF_RANGE", { offset: -PAGE }],
        ["ERR_OUT_OF_RANGE", { addressBits: 65 }],
        ["ERR_INVALID_ARGUMENT", { alignment: 3000 }],
        ["ERR_INVALID_ARGUMENT", { direction: "sideways" as "to-device" }],
        ["ERR_IOVA_RANGE", { addressBits: 28, iova: toIova(0x1000_0000) }],
      ] as const;
      for (const [code, options] of refusals) {
        expectCode(code, () => domain.mapSync(memory, options));
        await expectRejection(code, () => domain.map(memory, options));
      }
      assert.deepEqual([...domain.mappings()], []);
      assert.equal(domain.mappedBytes, 0);
      memory.close();
      expectCode("ERR_CLOSED", () => domain.mapSync(memory));
      assert.equal(holdings().pinned, 0);
    },

    "what the kernel refuses comes back as what is wrong": () => {
      using opened = openWithMapper(at.edu);
      const { mapper, backend } = opened;
      using memory = backend.memory.alloc(4 * PAGE);
      const map = (iova: bigint, size: number) => () => mapper.mapSync(request(memory, iova, size));
      map(0x10_0000n, 4 * PAGE)();
      const overlap = expectCode("ERR_IOVA_OVERLAP", map(0x10_1000n, PAGE));
      assert.equal(overlap.syscall, `ioctl ${MAP_REQUEST}`);
      for (const [iova, size] of [
        [MSI_WINDOW, PAGE],
        [0x20_0800n, PAGE],
        [0x20_0000n, 0],
        [0x20_0000n, 100],
        [2n ** 64n - 4096n, 2 * PAGE],
        [2n ** 60n, PAGE],
      ] as const) {
        const error = expectCode("ERR_IOVA_RANGE", map(iova, size));
        assert.match(error.message, /0xfef00000/, `${iova} ${size}`);
      }
      expectCode("ERR_INVALID_ARGUMENT", () => mapper.unmapSync(toIova(0x40_0000), PAGE));
      const split = expectCode("ERR_INVALID_ARGUMENT", () => mapper.unmapSync(toIova(0x10_1000), PAGE));
      assert.equal(split.syscall, `ioctl ${UNMAP_REQUEST}`);
      mapper.unmapSync(toIova(0x10_0000), 4 * PAGE);
      assert.equal(holdings().pinned, 0);
    },

    "the number of mappings left falls and rises": () => {
      using opened = openWithMapper(at.edu);
      const left = (): number => opened.mapper.limits().mappingsLeft!;
      const all = left();
      // An IOAS holds as many as there is memory for.
      if (backendName === "vfio-cdev") return assert.equal(all, undefined);
      assert.ok(all > 1000, `${all} mappings`);
      using memory = opened.backend.memory.alloc(8 * PAGE);
      const offsets = [0, 1, 2, 3, 4, 5, 6, 7];
      const mappings = offsets.map((i) => opened.domain.mapSync(memory, { offset: i * PAGE, size: PAGE }));
      assert.equal(left(), all - 8);
      for (const mapping of mappings) mapping.unmapSync();
      assert.equal(left(), all);
    },

    "a device of 28 bits is given addresses that it can drive": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using small = backend.memory.alloc(PAGE);
      using large = backend.memory.alloc(8 * MIB);
      for (const memory of [small, large]) {
        const mapping = device.domain.mapSync(memory, { addressBits: 28 });
        assert.ok(mapping.iova > 0n && mapping.iova + BigInt(mapping.size) <= 2n ** 28n, `${mapping.iova}`);
        const wide = device.domain.mapSync(memory);
        assert.ok(wide.iova >= 2n ** 32n, "others stay out of the low addresses");
        mapping.unmapSync();
        wide.unmapSync();
      }
    },

    "memory under a mapping cannot be freed, and its views end with it": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      const memory = backend.memory.alloc(PAGE);
      const bytes = new Uint8Array(memory.buffer);
      const first = device.domain.mapSync(memory);
      const second = device.domain.mapSync(memory);
      first.unmapSync();
      expectCode("ERR_BUSY", () => memory.close());
      bytes[0] = 1;
      second.unmapSync();
      memory.close();
      assert.equal(bytes.length, 0);
      assert.equal(memory.closed, true);
    },
  },
});
