import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import {
  type BackendDevice,
  type DmaMapping,
  type OwnedRegion,
  regionIndex,
  toIova,
} from "@userpci/interface";
import { kernelBackend } from "../harness/backend.ts";
import { edu, roundTrip, startEdu, transfer } from "../harness/edu-registers.ts";
import { guestSuite } from "../harness/suite.ts";
import { at } from "../machines.ts";

const BUFFER = BigInt(edu.BUFFER);
const PAGE = 4096;
const SIZE = 256;

/** Moves bytes into edu, and from there to memory. */
const intoDevice = (bar: OwnedRegion, iova: bigint): Promise<void> => transfer(bar, iova, BUFFER, SIZE, 1);
const outOfDevice = (bar: OwnedRegion, iova: bigint): Promise<void> => transfer(bar, BUFFER, iova, SIZE, 3);

/** A wide edu and one page that it may read and write, at `bytes` here. */
async function withPage(
  test: (parts: {
    device: BackendDevice;
    bar: OwnedRegion;
    mapping: DmaMapping;
    bytes: Uint8Array<ArrayBuffer>;
  }) => Promise<void>,
): Promise<void> {
  using backend = kernelBackend();
  using device = backend.openSync(at.wideEdu);
  using memory = backend.memory.alloc(PAGE);
  const bar = startEdu(device);
  using mapping = device.domain.mapSync(memory);
  const bytes = new Uint8Array(memory.buffer);
  bytes.set(randomBytes(SIZE));
  await test({ device, bar, mapping, bytes });
}

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  tests: {
    "bytes go into the device and back, through small and huge pages": async () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.wideEdu);
      const bar = startEdu(device);
      for (const pageSize of [PAGE, 2 ** 21]) {
        using memory = backend.memory.alloc(2 ** 21, { pageSize });
        using mapping = device.domain.mapSync(memory);
        const last = memory.size - PAGE;
        const bytes = new Uint8Array(memory.buffer, last, PAGE);
        bytes.set(randomBytes(SIZE));
        const iova = mapping.iova + BigInt(last);
        await roundTrip(bar, iova, iova + 1024n, SIZE);
        assert.deepEqual(bytes.subarray(1024, 1024 + SIZE), bytes.subarray(0, SIZE));
        mapping.unmapSync();
      }
    },

    "a part of the memory is mapped where that was asked for": async () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.wideEdu);
      const bar = startEdu(device);
      using memory = backend.memory.alloc(4 * PAGE);
      using mapping = device.domain.mapSync(memory, { offset: 2 * PAGE, size: PAGE });
      const bytes = new Uint8Array(memory.buffer);
      bytes.set(randomBytes(SIZE), 2 * PAGE);
      await roundTrip(bar, mapping.iova, mapping.iova + 1024n, SIZE);
      assert.deepEqual(
        bytes.subarray(2 * PAGE + 1024, 2 * PAGE + 1024 + SIZE),
        bytes.subarray(2 * PAGE, 2 * PAGE + SIZE),
      );
    },

    "memory that the device may only read keeps its bytes": async () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.wideEdu);
      const bar = startEdu(device);
      using memory = backend.memory.alloc(2 * PAGE);
      const bytes = new Uint8Array(memory.buffer);
      bytes.set(randomBytes(SIZE));
      using source = device.domain.mapSync(memory, { size: PAGE, direction: "to-device" });
      using target = device.domain.mapSync(memory, { offset: PAGE, size: PAGE, direction: "from-device" });
      await intoDevice(bar, source.iova);
      await outOfDevice(bar, source.iova + 1024n);
      assert.ok(
        bytes.subarray(1024, 1024 + SIZE).every((byte) => byte === 0),
        "nothing was written",
      );
      await outOfDevice(bar, target.iova);
      assert.deepEqual(bytes.subarray(PAGE, PAGE + SIZE), bytes.subarray(0, SIZE), "and it was read");
    },

    "an address that nobody mapped reaches no memory": () =>
      withPage(async ({ bar, mapping, bytes }) => {
        const before = bytes.slice();
        await outOfDevice(bar, mapping.iova + BigInt(PAGE));
        await outOfDevice(bar, mapping.iova - BigInt(PAGE));
        assert.deepEqual(bytes, before);
      }),

    "after unmapping the device reaches the memory no more": () =>
      withPage(async ({ bar, mapping, bytes }) => {
        await intoDevice(bar, mapping.iova);
        const before = bytes.slice();
        mapping.unmapSync();
        await outOfDevice(bar, mapping.iova + 1024n);
        assert.deepEqual(bytes, before);
      }),

    "with bus mastering off the device reaches nothing": () =>
      withPage(async ({ device, bar, mapping, bytes }) => {
        await intoDevice(bar, mapping.iova);
        const config = device.region(regionIndex.config);
        config.write16(4, 0b010);
        const before = bytes.slice();
        await outOfDevice(bar, mapping.iova + 1024n);
        assert.deepEqual(bytes, before);
        config.write16(4, 0b110);
        await outOfDevice(bar, mapping.iova + 1024n);
        assert.deepEqual(bytes.subarray(1024, 1024 + SIZE), bytes.subarray(0, SIZE), "and now it does");
      }),

    "a device of another domain does not see the memory, at the same address": () =>
      withPage(async ({ device, bar, bytes }) => {
        using backend = kernelBackend();
        using other = backend.openSync(at.edu);
        const otherBar = startEdu(other);
        using page = device.memory.alloc(PAGE);
        const iova = toIova(0x10_0000);
        using _here = device.domain.mapSync(page, { iova });
        new Uint8Array(page.buffer).set(bytes.subarray(0, SIZE));
        await outOfDevice(otherBar, iova + 1024n);
        assert.ok(new Uint8Array(page.buffer, 1024, SIZE).every((byte) => byte === 0));
        await intoDevice(bar, iova);
        await outOfDevice(bar, iova + 1024n);
        assert.deepEqual(new Uint8Array(page.buffer, 1024, SIZE), bytes.subarray(0, SIZE));
      }),
  },
});
