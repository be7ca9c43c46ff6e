import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type BackendDevice, type DmaMemory, regionIndex, toIova } from "@userpci/interface";
import { readMemlock, vfioCdev } from "@userpci/vfio-native";
import { edu, roundTrip, startEdu, transfer } from "../harness/edu-registers.ts";
import { expectCode, expectRejection } from "../harness/expect.ts";
import { holdings } from "../harness/process.ts";
import { guestSuite } from "../harness/suite.ts";
import { at } from "../machines.ts";

const PAGE = 4096;
const IS_ROOT = process.getuid!() === 0;

/** The same memory as it looks to a process that has only its file. */
const byFile = (memory: DmaMemory): DmaMemory =>
  Object.defineProperties(
    {},
    {
      ...Object.getOwnPropertyDescriptors({
        size: memory.size,
        pageSize: memory.pageSize,
        buffer: memory.buffer,
        file: memory.file,
        closed: false,
        close: () => undefined,
        [Symbol.dispose]: () => undefined,
      }),
    },
  ) as DmaMemory;

/** Checks that a device reads and writes memory at an address. */
async function checkDma(device: BackendDevice, memory: DmaMemory, iova: bigint): Promise<void> {
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(randomBytes(256));
  await roundTrip(startEdu(device), iova, iova + 1024n, 256);
  assert.deepEqual(bytes.subarray(1024, 1280), bytes.subarray(0, 256));
}

/** Opens a device and closes it again. */
function openOnce(address: string): void {
  using backend = vfioCdev();
  backend.openSync(address);
}

await guestSuite(import.meta.url, {
  machine: "iommufd",
  tests: {
    "memory is mapped by its file, without an address": async () => {
      await using backend = vfioCdev();
      await using device = await backend.open(at.wideEdu);
      using memory = backend.memory.alloc(4 * PAGE);
      using mapping = device.domain.mapSync(byFile(memory));
      await checkDma(device, memory, mapping.iova);
    },

    "an address space copies a mapping of another, which is pinned once": async () => {
      await using backend = vfioCdev();
      await using first = await backend.open(at.edu);
      await using second = await backend.open(at.wideEdu);
      using memory = backend.memory.alloc(4 * PAGE);
      using mapping = first.domain.mapSync(memory, { iova: toIova(0x10_0000) });
      const target = second.iommu!.ioas;
      target.copyFrom(first.iommu!.ioas, mapping.iova, mapping.size);
      await checkDma(second, memory, mapping.iova);
      expectCode("ERR_IOVA_OVERLAP", () => target.copyFrom(first.iommu!.ioas, mapping.iova, mapping.size));
      expectCode("ERR_INVALID_ARGUMENT", () => target.copyFrom(first.iommu!.ioas, toIova(0x90_0000), PAGE));
      mapping.unmapSync();
      await checkDma(second, memory, mapping.iova);
      target.unmapSync(mapping.iova, mapping.size);
    },

    "addresses that must stay mappable keep a device out that cannot reach them": async () => {
      await using backend = vfioCdev();
      await using domain = backend.createDomain();
      const device = await backend.open(at.edu, { domain });
      const { ioas } = device.iommu!;
      const interrupts = { start: 0xfee0_0000n, last: 0xfee0_0fffn };
      ioas.allow([{ start: 0n, last: 0xffffn }]);
      expectCode("ERR_IOVA_RANGE", () => ioas.allow([interrupts]));
      await device.close();
      // Without a device nothing is kept for its interrupts.
      ioas.allow([interrupts]);
      await expectRejection("ERR_IOVA_RANGE", () => backend.open(at.edu, { domain }));
      assert.equal(domain.attached, 0);
      ioas.allow([]);
      const again = await backend.open(at.edu, { domain });
      await again.close();
    },

    "large pages are an option of an address space": async () => {
      await using backend = vfioCdev();
      await using device = await backend.open(at.edu);
      const { ioas } = device.iommu!;
      assert.equal(ioas.hugePages, true);
      ioas.hugePages = false;
      assert.equal(ioas.hugePages, false);
      ioas.hugePages = true;
      using memory = backend.memory.alloc(PAGE);
      using _mapping = device.domain.mapSync(memory);
      expectCode("EINVAL", () => {
        ioas.hugePages = false;
      });
      assert.equal(ioas.hugePages, true);
    },

    "pinned pages are counted by process for who may ask for it": () => {
      using backend = vfioCdev({ accounting: "process" });
      if (!IS_ROOT) {
        const refused = expectCode("ERR_PERMISSION", () => backend.openSync(at.edu));
        assert.match(refused.hint!, /CAP_SYS_RESOURCE/);
        return;
      }
      using device = backend.openSync(at.edu);
      using memory = backend.memory.alloc(16 * PAGE);
      using _mapping = device.domain.mapSync(memory);
      assert.equal(device.iommu!.ioas.iommufd.getOption("RLIMIT_MODE"), 1n);
      // Who has CAP_IPC_LOCK, as root has, is not counted at all (`iopt_alloc_pages`).
      assert.deepEqual([readMemlock().locked, readMemlock().exempt], [0, true]);
    },

    "the IOMMU says what it is, and refuses what it has not": async () => {
      await using backend = vfioCdev();
      await using device = await backend.open(at.edu);
      const iommu = device.iommu!;
      const { kind, data, dirtyTracking, pasidBits } = iommu.hardware();
      assert.deepEqual([kind, dirtyTracking, pasidBits], ["intel-vtd", false, 0]);
      // The capability register is not 0: it has the number of domains (VT-d specification, 11.4.2).
      assert.ok(data.length >= 24 && data.subarray(8, 16).some((byte) => byte !== 0));
      for (const [name, use] of [
        ["dirty-tracking", () => iommu.createPageTable({ dirtyTracking: true })],
        ["pasid", () => iommu.attachPasid(5, iommu.ioas)],
        ["pasid", () => iommu.detachPasid(5)],
      ] as const) {
        assert.equal(expectCode("ERR_NOT_SUPPORTED", use).details!["feature"], name);
      }
      expectCode("ERR_OUT_OF_RANGE", () => iommu.attachPasid(0, iommu.ioas));
    },

    "a device changes its page table and reaches the same memory": async () => {
      await using backend = vfioCdev();
      await using domain = backend.createDomain();
      const device = await backend.open(at.wideEdu, { domain });
      using memory = backend.memory.alloc(PAGE);
      using mapping = domain.mapSync(memory);
      const iommu = device.iommu!;
      const table = iommu.createPageTable();
      iommu.attach(table);
      await checkDma(device, memory, mapping.iova);
      expectCode("ERR_BUSY", () => table.close());
      iommu.attach(iommu.ioas);
      table.close();
      expectCode("ERR_CLOSED", () => iommu.attach(table));
      await checkDma(device, memory, mapping.iova);
      await device.close();
      mapping.unmapSync();
    },

    "what was left open of an address space is closed with it, also while a child has the device":
      async () => {
        const before = holdings();
        const backend = vfioCdev();
        const device = await backend.open(at.wideEdu);
        const iommu = device.iommu!;
        const queue = iommu.createFaultQueue();
        const table = iommu.createPageTable();
        iommu.attach(table);
        const { fd } = (device as unknown as { access: { fd: number } }).access;
        const child = spawn("sleep", ["600"], { stdio: ["ignore", "ignore", "ignore", fd] });
        await backend.close();
        assert.deepEqual([queue.closed, table.closed], [true, true]);
        assert.deepEqual(holdings(), before);
        expectCode("ERR_DEVICE_BUSY", () => openOnce(at.wideEdu));
        child.kill();
        await once(child, "exit");
        openOnce(at.wideEdu);
      },

    "one device writes the registers of another by a dma-buf": async () => {
      await using backend = vfioCdev();
      await using domain = backend.createDomain();
      const writer = await backend.open(at.wideEdu, { domain });
      const target = await backend.open(at.edu, { domain });
      const targetBar = startEdu(target);
      const memory = target.features.exportDmaBuf(0, { offset: 0, size: PAGE });
      const mapping = domain.mapSync(memory, { label: "BAR 0 of the other" });
      expectCode("ERR_BUSY", () => memory.close());
      using source = backend.memory.alloc(PAGE);
      using sourceMapping = domain.mapSync(source);
      new DataView(source.buffer).setUint32(0, 0x1234_5678, true);
      const bar = startEdu(writer);
      await transfer(bar, sourceMapping.iova, BigInt(edu.BUFFER), 4, 1);
      await transfer(bar, BigInt(edu.BUFFER), mapping.iova + BigInt(edu.LIVENESS), 4, 3);
      // edu answers this register with the complement of what was written there.
      assert.equal(targetBar.read32(edu.LIVENESS), ~0x1234_5678 >>> 0);
      mapping.unmapSync();
      memory.close();
      sourceMapping.unmapSync();
      await writer.close();
      await target.close();
    },

    "low power is entered and left by name": async () => {
      await using backend = vfioCdev();
      await using device = await backend.open(at.nvme);
      using wakeup = device.createIrqTarget();
      const { lowPower } = device.features;
      lowPower.enter();
      lowPower.exit();
      lowPower.enter(wakeup);
      lowPower.exit();
      assert.equal(device.region(regionIndex.config).read32(0), 0x0010_1b36);
      expectCode("ERR_INVALID_ARGUMENT", () => lowPower.enter({} as never));
    },
  },
});
