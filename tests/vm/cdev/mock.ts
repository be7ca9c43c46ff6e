/**
 * The kernel's mock of an IOMMU with devices (`drivers/iommu/iommufd/selftest.c`, `iommufd_test.h`; `CONFIG_IOMMUFD_TEST`): the only one under
 * QEMU with dirty bits and page requests. Its interface is no part of the uAPI, so it is told by bytes here.
 */
import type { Ioas, Iommufd } from "@userpci/vfio-native";

const TEST_CMD = 0xa0;
const operation = { MOCK_DOMAIN: 2, MOCK_DOMAIN_REPLACE: 10, DIRTY: 13, TRIGGER_IOPF: 15 } as const;
/** `sizeof(struct iommu_test_cmd)` at least. */
const SIZE = 88;

/** A device of the mock, in an address space. */
export interface MockDevice {
  /** The device's object, to be destroyed with what it attached. */
  readonly id: number;
  /** What iommufd calls the device. */
  readonly deviceId: number;
}

function command(iommufd: Iommufd, op: number, id: number, fill: (view: DataView) => void): DataView {
  const bytes = new Uint8Array(new ArrayBuffer(SIZE));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, SIZE, true);
  view.setUint32(4, op, true);
  view.setUint32(8, id, true);
  fill(view);
  iommufd.rawRequest(TEST_CMD, bytes);
  return view;
}

/** Makes a device of the mock and attaches it to an address space. */
export function mockDevice(ioas: Ioas): MockDevice {
  const view = command(ioas.iommufd, operation.MOCK_DOMAIN, ioas.id, () => undefined);
  return { id: view.getUint32(16, true), deviceId: view.getUint32(24, true) };
}

/** Attaches a device of the mock to a page table instead. */
export function mockAttach(iommufd: Iommufd, { id }: MockDevice, table: number): void {
  command(iommufd, operation.MOCK_DOMAIN_REPLACE, id, (view) => view.setUint32(16, table, true));
}

/** Has the mock write to pages of a page table; one bit a page. */
export function mockWrites(
  iommufd: Iommufd,
  table: number,
  iova: bigint,
  pages: number,
  bits: Uint8Array,
): void {
  command(iommufd, operation.DIRTY, table, (view) => {
    view.setBigUint64(24, iova, true);
    view.setBigUint64(32, BigInt(pages) * 4096n, true);
    view.setBigUint64(40, 4096n, true);
    view.setBigUint64(48, BigInt(iommufd.native.addressOf(bits)), true);
  });
  // The kernel had its address: it must not be collected before.
  if (bits.length === 0) throw new Error("no bits");
}

/** Has a device of the mock ask for a page. */
export function mockPageRequest(iommufd: Iommufd, deviceId: number, iova: bigint, permissions: number): void {
  command(iommufd, operation.TRIGGER_IOPF, 0, (view) => {
    view.setUint32(16, deviceId, true);
    view.setUint32(24, 7, true);
    view.setUint32(28, permissions, true);
    view.setBigUint64(32, iova, true);
  });
}
