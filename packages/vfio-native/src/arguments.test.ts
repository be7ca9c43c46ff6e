import { type IovaRange, toIova } from "@userpci/interface";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { CdevBinding } from "./cdev.ts";
import type { DeviceAccess } from "./device-access.ts";
import { DeviceIommu } from "./device-iommu.ts";
import { Ioas } from "./ioas.ts";
import { Iommufd } from "./iommufd.ts";
import { KernelFeatures } from "./kernel-features.ts";
import { loadNative } from "./native.ts";
import { FakeKernel } from "./test/fake-kernel.ts";

const native = loadNative();
const PAGE = 4096;
const page: IovaRange = { start: 0n, last: 4095n };

/** All that a program can call of the kernel's own abilities, with an address space of another iommufd beside it. */
function scene(kernel: FakeKernel) {
  const open = () =>
    new Ioas(
      Iommufd.open(native, "user", () => undefined),
      () => undefined,
    );
  const [ioas, foreign] = [open(), open()];
  const access = { native, fd: 5, address: "0000:00:04.0", assertUsable() {} } as unknown as DeviceAccess;
  const { iommufd } = ioas;
  return {
    ioas,
    foreign,
    queue: ioas.createFaultQueue(),
    table: ioas.createTable(1, { dirtyTracking: true }),
    foreignTable: foreign.createTable(1),
    foreignQueue: foreign.createFaultQueue(),
    iommu: new DeviceIommu(access, { iommufd, ioas, deviceId: 1 } as CdevBinding),
    features: new KernelFeatures(access, {} as never),
    kernel,
  };
}
type Scene = ReturnType<typeof scene>;

let before = native.ledger();
let now: Scene;
beforeEach(() => {
  before = native.ledger();
  now = scene(new FakeKernel());
});
afterEach(() => {
  for (const each of [now.ioas, now.foreign]) each.close();
  now.kernel.closeFaults();
  vi.restoreAllMocks();
  expect(native.ledger()).toEqual(before);
});

const reversed = { start: 8192n, last: 4095n };
const numbers = { start: 0, last: 4095 } as never;
const all = { start: 0n, last: 2n ** 64n - 1n };
const at = toIova(0);
const wrong = 5 as never;

/** What is given, and what is wrong with it. */
const cases: readonly (readonly [string, string, (scene: Scene) => unknown])[] = [
  ["a bitmap of pages of 0 bytes", "ERR_OUT_OF_RANGE", ({ table }) => table.readDirty(page, { pageSize: 0 })],
  ["of 1.5 bytes", "ERR_INVALID_ARGUMENT", ({ table }) => table.readDirty(page, { pageSize: 1.5 })],
  ["of 12 KiB", "ERR_INVALID_ARGUMENT", ({ table }) => table.readDirty(page, { pageSize: 3 * PAGE })],
  ["of all addresses", "ERR_OUT_OF_RANGE", ({ table }) => table.readDirty(all)],
  ["of a reversed range", "ERR_OUT_OF_RANGE", ({ table }) => table.readDirty(reversed)],
  ["of numbers", "ERR_INVALID_ARGUMENT", ({ table }) => table.readDirty(numbers)],
  ["of nothing", "ERR_INVALID_ARGUMENT", ({ ioas }) => ioas.readDirty(undefined as never)],
  ["of half a page", "ERR_MISALIGNED", ({ table }) => table.readDirty({ start: 0n, last: 2047n })],
  ["with options 5", "ERR_INVALID_ARGUMENT", ({ table }) => table.readDirty(page, wrong)],
  ["with clear 5", "ERR_INVALID_ARGUMENT", ({ table }) => table.readDirty(page, { clear: wrong })],
  ["tracking that is no boolean", "ERR_INVALID_ARGUMENT", ({ table }) => table.setDirtyTracking(wrong)],
  ["of an address space", "ERR_INVALID_ARGUMENT", ({ ioas }) => ioas.setDirtyTracking(wrong)],

  ["a log of pages of 100 bytes", "ERR_OUT_OF_RANGE", ({ features }) => features.dmaLog.read(page, 100)],
  ["of all addresses", "ERR_OUT_OF_RANGE", ({ features }) => features.dmaLog.read(all)],
  ["of a reversed range", "ERR_OUT_OF_RANGE", ({ features }) => features.dmaLog.read(reversed)],
  ["begun for a reversed range", "ERR_OUT_OF_RANGE", ({ features }) => features.dmaLog.start([reversed])],
  ["for no list", "ERR_INVALID_ARGUMENT", ({ features }) => features.dmaLog.start(wrong)],
  ["for 12 KiB pages", "ERR_INVALID_ARGUMENT", ({ features }) => features.dmaLog.start([page], 3 * PAGE)],

  ["a dma-buf of no area", "ERR_INVALID_ARGUMENT", ({ features }) => features.exportDmaBuf(0, wrong)],
  ["at 1.5", "ERR_INVALID_ARGUMENT", ({ features }) => features.exportDmaBuf(0, { offset: 1.5, size: PAGE })],
  ["before the BAR", "ERR_OUT_OF_RANGE", ({ features }) => features.exportDmaBuf(0, { offset: -1, size: 1 })],
  ["migration to no state", "ERR_INVALID_ARGUMENT", ({ features }) => features.migration.go("x" as never)],
  ["to a property", "ERR_INVALID_ARGUMENT", ({ features }) => features.migration.go("toString" as never)],

  ["a copy of 0 bytes", "ERR_OUT_OF_RANGE", ({ ioas }) => ioas.copyFrom(ioas, at, 0)],
  ["of 1.5 bytes", "ERR_INVALID_ARGUMENT", ({ ioas }) => ioas.copyFrom(ioas, at, 1.5)],
  ["at a number", "ERR_INVALID_ARGUMENT", ({ ioas }) => ioas.copyFrom(ioas, wrong, PAGE)],
  ["up", "ERR_INVALID_ARGUMENT", ({ ioas }) => ioas.copyFrom(ioas, at, PAGE, "up" as never)],
  ["of nothing", "ERR_INVALID_ARGUMENT", ({ ioas }) => ioas.copyFrom(wrong, at, PAGE)],
  ["of another iommufd", "ERR_INVALID_ARGUMENT", ({ ioas, foreign }) => ioas.copyFrom(foreign, at, PAGE)],
  ["no list of addresses to keep", "ERR_INVALID_ARGUMENT", ({ ioas }) => ioas.allow(wrong)],
  ["a reversed range to keep", "ERR_OUT_OF_RANGE", ({ ioas }) => ioas.allow([reversed])],
  ["large pages 5", "ERR_INVALID_ARGUMENT", ({ ioas }) => (ioas.hugePages = wrong)],

  ["a page table for device -1", "ERR_OUT_OF_RANGE", ({ ioas }) => ioas.createTable(-1)],
  ["with options 5", "ERR_INVALID_ARGUMENT", ({ iommu }) => iommu.createPageTable(wrong)],
  ["with pasid 5", "ERR_INVALID_ARGUMENT", ({ iommu }) => iommu.createPageTable({ pasid: wrong })],
  ["with no queue", "ERR_INVALID_ARGUMENT", ({ iommu }) => iommu.createPageTable({ faults: {} as never })],
  [
    "with a queue of another iommufd",
    "ERR_INVALID_ARGUMENT",
    ({ iommu, foreignQueue }) => iommu.createPageTable({ faults: foreignQueue }),
  ],
  ["the attachment to nothing", "ERR_INVALID_ARGUMENT", ({ iommu }) => iommu.attach(undefined as never)],
  [
    "to a table of another iommufd",
    "ERR_INVALID_ARGUMENT",
    ({ iommu, foreignTable }) => iommu.attach(foreignTable),
  ],
  ["an answer with cookie -1", "ERR_OUT_OF_RANGE", ({ queue }) => queue.respond(-1, true)],
  ["an answer that is no boolean", "ERR_INVALID_ARGUMENT", ({ queue }) => queue.respond(1, wrong)],
];

describe("what makes no sense is refused before the kernel is asked:", () => {
  it.each(cases)("%s, by %s", (_what, code, call) => {
    const asked = vi.mocked(native.ioctl).mock.calls.length;
    expect(() => call(now)).toThrow(
      expect.objectContaining({ code, message: expect.any(String), hint: expect.any(String) }),
    );
    expect(vi.mocked(native.ioctl).mock.calls.length).toBe(asked);
  });
});
