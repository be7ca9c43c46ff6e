import { strict as assert } from "node:assert";
import { Dma, type DmaBuffer } from "@userpci/dma";
import { type IommuDomain, toIova } from "@userpci/interface";
import { type Ioas, type PageTable, vfioCdev } from "@userpci/vfio-native";
import { expectCode } from "../harness/expect.ts";
import { guestSuite } from "../harness/suite.ts";
import { at } from "../machines.ts";
import { mockAttach, mockDevice, mockPageRequest, mockWrites } from "./mock.ts";

const PAGE = 4096;
/** What a device wants to do, in the mock's words: the uAPI's bits. */
const WRITE = 1 << 1;

/** The mock joins pages that happen to be neighbours in memory into larger ones, of which all is written if a part is. */
function separatePages(ioas: Ioas): void {
  ioas.hugePages = false;
}

/** Gives a test an address space with 64 pages mapped at 16 MiB. A real device keeps it open. */
async function withIoas(test: (ioas: Ioas, iova: bigint) => void | Promise<void>): Promise<void> {
  await using backend = vfioCdev();
  await using device = await backend.open(at.edu);
  using memory = backend.memory.alloc(64 * PAGE);
  const { ioas } = device.iommu!;
  separatePages(ioas);
  using mapping = await device.domain.map(memory, { iova: toIova(0x100_0000) });
  await test(ioas, mapping.iova);
  await device.close();
}

/** What {@link withBuffer} gives a test. */
interface Noted {
  readonly domain: IommuDomain;
  readonly dma: Dma;
  readonly buffer: DmaBuffer;
  readonly ioas: Ioas;
  readonly table: PageTable;
  /** Takes the mock away, and its page table. */
  unplug(): void;
}

/** Gives a test a buffer of 64 pages at 16 MiB, and a device of the mock whose writes are noted. */
async function withBuffer(test: (noted: Noted) => void): Promise<void> {
  await using backend = vfioCdev();
  await using device = await backend.open(at.edu);
  await using dma = new Dma(device);
  const { ioas } = device.iommu!;
  separatePages(ioas);
  await using buffer = await dma.alloc(64 * PAGE, { iova: toIova(0x100_0000) });
  const mock = mockDevice(ioas);
  const table = ioas.createTable(mock.deviceId, { dirtyTracking: true });
  dma.trackWrites(true);
  const unplug = (): void => {
    ioas.iommufd.destroy(mock.id);
    table.close();
  };
  test({ domain: device.domain, dma, buffer, ioas, table, unplug });
}

await guestSuite(import.meta.url, {
  machine: "iommufd",
  // The mock is root's.
  users: ["root"],
  tests: {
    "a page table with dirty bits tells which pages were written, once": () =>
      withIoas((ioas, iova) => {
        const mock = mockDevice(ioas);
        const table = ioas.createTable(mock.deviceId, { dirtyTracking: true });
        const range = { start: iova, last: iova + BigInt(64 * PAGE) - 1n };
        table.setDirtyTracking(true);
        assert.deepEqual(table.readDirty(range), new Uint8Array(8));
        const written = Uint8Array.of(0b1, 0, 0b1000_0001, 0, 0, 0, 0, 0b1000_0000);
        mockWrites(ioas.iommufd, table.id, iova, 64, written);
        assert.deepEqual(table.readDirty(range, { clear: false }), written);
        assert.deepEqual(table.readDirty(range), written);
        assert.deepEqual(table.readDirty(range), new Uint8Array(8), "read and cleared");
        mockWrites(ioas.iommufd, table.id, iova, 64, written);
        const half = { start: iova, last: iova + BigInt(32 * PAGE) - 1n };
        assert.deepEqual(table.readDirty(half, { pageSize: 2 * PAGE }), Uint8Array.of(0b1, 0b1001));
        table.setDirtyTracking(false);
        expectCode("ERR_MISALIGNED", () => table.readDirty({ start: iova + 1n, last: iova + 4096n }));
        ioas.iommufd.destroy(mock.id);
        table.close();
        table.close();
        expectCode("ERR_CLOSED", () => table.setDirtyTracking(true));
      }),

    "an address space tells which pages any of its devices wrote": () =>
      withIoas((ioas, iova) => {
        const range = { start: iova, last: iova + BigInt(8 * PAGE) - 1n };
        expectCode("ERR_NOT_SUPPORTED", () => ioas.setDirtyTracking(true));
        expectCode("ERR_NOT_SUPPORTED", () => ioas.readDirty(range));
        const mock = mockDevice(ioas);
        const tables = [1, 2].map(() => ioas.createTable(mock.deviceId, { dirtyTracking: true }));
        ioas.setDirtyTracking(true);
        tables.forEach(({ id }, i) => {
          mockWrites(ioas.iommufd, id, iova, 8, Uint8Array.of(1 << (3 * i), 0, 0, 0, 0, 0, 0, 0));
        });
        assert.deepEqual(ioas.readDirty(range), Uint8Array.of(0b1001));
        assert.deepEqual(ioas.readDirty(range), Uint8Array.of(0));
        ioas.iommufd.destroy(mock.id);
        for (const table of tables) table.close();
      }),

    "a page table made while pages are noted notes them too, and beginning twice forgets none": () =>
      withIoas((ioas, iova) => {
        const range = { start: iova, last: iova + BigInt(8 * PAGE) - 1n };
        const mock = mockDevice(ioas);
        const create = (): PageTable => ioas.createTable(mock.deviceId, { dirtyTracking: true });
        const write = ({ id }: PageTable, page: number): void =>
          mockWrites(ioas.iommufd, id, iova, 8, Uint8Array.of(1 << page, 0, 0, 0, 0, 0, 0, 0));
        const first = create();
        ioas.setDirtyTracking(true);
        const second = create();
        write(first, 0);
        write(second, 1);
        ioas.setDirtyTracking(true);
        assert.deepEqual(ioas.readDirty(range), Uint8Array.of(0b11));
        first.close();
        second.close();
        assert.deepEqual(ioas.readDirty(range), Uint8Array.of(0), "nothing, without one");
        const third = create();
        write(third, 2);
        assert.deepEqual(ioas.readDirty(range), Uint8Array.of(0b100), "also when it had none for a while");
        third.close();
        ioas.setDirtyTracking(false);
        const fourth = create();
        assert.equal(fourth.trackingDirty, false);
        ioas.iommufd.destroy(mock.id);
        fourth.close();
      }),

    "a buffer tells which of its pages devices wrote, once": () =>
      withBuffer(({ dma, buffer, ioas, table, unplug }) => {
        assert.deepEqual([dma.tracksExactly, buffer.takeWritten()], [true, []]);
        const written = Uint8Array.of(0b1, 0, 0b1100_0000, 1, 0, 0, 0, 0);
        mockWrites(ioas.iommufd, table.id, buffer.iova, 64, written);
        assert.deepEqual(buffer.takeWritten(), [
          { offset: 0, size: PAGE },
          { offset: 22 * PAGE, size: 3 * PAGE },
        ]);
        assert.deepEqual(buffer.takeWritten(), []);
        dma.trackWrites(false);
        expectCode("ERR_INVALID_ARGUMENT", () => buffer.takeWritten());
        unplug();
      }),

    "a buffer tells what a device wrote that has left since with its page table, also the last one": () =>
      withBuffer(({ domain, dma, buffer, ioas, table, unplug }) => {
        const attachment = domain.attach(ioas, "mock");
        mockWrites(ioas.iommufd, table.id, buffer.iova, 64, Uint8Array.of(0b10, 0, 0, 0, 0, 0, 0, 0));
        attachment.detach();
        unplug();
        assert.deepEqual(buffer.takeWritten(), [{ offset: PAGE, size: PAGE }]);
        dma.trackWrites(true);
        assert.deepEqual(buffer.takeWritten(), []);
        dma.trackWrites(false);
      }),

    "a page table made without them says so": () =>
      withIoas((ioas, iova) => {
        const mock = mockDevice(ioas);
        using table = ioas.createTable(mock.deviceId);
        expectCode("ERR_NOT_SUPPORTED", () => table.setDirtyTracking(true));
        expectCode("ERR_NOT_SUPPORTED", () => table.readDirty({ start: iova, last: iova + 4095n }));
        ioas.iommufd.destroy(mock.id);
      }),

    "a page table is not closed under a device": () =>
      withIoas((ioas) => {
        const mock = mockDevice(ioas);
        const table = ioas.createTable(mock.deviceId);
        mockAttach(ioas.iommufd, mock, table.id);
        expectCode("ERR_BUSY", () => table.close());
        ioas.iommufd.destroy(mock.id);
        table.close();
      }),

    "a page request arrives and is answered, once": () =>
      withIoas(async (ioas) => {
        const mock = mockDevice(ioas);
        const faults = ioas.createFaultQueue();
        const table = ioas.createTable(mock.deviceId, { faults });
        mockAttach(ioas.iommufd, mock, table.id);
        assert.deepEqual(faults.take(), []);
        const waiting = faults.wait({ timeoutMs: 10_000 });
        mockPageRequest(ioas.iommufd, mock.deviceId, 0x5000n, WRITE);
        const [request, ...others] = await waiting;
        assert.deepEqual(others, []);
        assert.equal(request!.deviceId, mock.deviceId);
        assert.equal(request!.iova, 0x5000n);
        assert.deepEqual([request!.read, request!.write], [false, true]);
        assert.equal(request!.last, true);
        assert.deepEqual(faults.take(), []);
        faults.respond(request!.cookie, true);
        expectCode("ERR_INVALID_ARGUMENT", () => faults.respond(request!.cookie, true));
        expectCode("ERR_BUSY", () => faults.close());
        assert.deepEqual([faults.closed, faults.take()], [false, []]);
        ioas.iommufd.destroy(mock.id);
        table.close();
        faults.close();
        faults.close();
        expectCode("ERR_CLOSED", () => faults.take());
      }),
  },
});
