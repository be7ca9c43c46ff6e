import { listFunctions, type PciFunction } from "@userpci/sysfs";
import { expect, it, vi } from "vitest";
import type { DeviceAccess } from "./device-access.ts";
import { hotResetDependents } from "./hot-reset.ts";
import * as uapi from "./uapi/vfio.ts";

vi.mock("@userpci/sysfs", () => ({ listFunctions: vi.fn() }));

/** A device whose bus the kernel says has these functions, by their numbers. */
function onBus(flags: number, devfns: readonly number[]): DeviceAccess {
  const { hotResetInfo, dependentDevice } = uapi;
  const ioctl = (_fd: number, _request: number, bytes: Uint8Array): number => {
    hotResetInfo.write(bytes, { flags, count: devfns.length });
    if (bytes.length === hotResetInfo.size) return -28;
    devfns.forEach((devfn, i) => {
      const at = hotResetInfo.size + i * dependentDevice.size;
      dependentDevice.write(bytes, { group_id: devfn + 1, segment: 0, bus: 5, devfn }, at);
    });
    return 0;
  };
  return { native: { ioctl }, fd: 5, address: "0000:05:00.0" } as unknown as DeviceAccess;
}

it("the groups of what an iommufd names by id are looked up at once, and one that has gone has none", () => {
  const listed = [
    { address: "0000:05:00.0", iommuGroup: 7 },
    { address: "0000:05:00.1", iommuGroup: 8 },
    { address: "0000:05:00.2", iommuGroup: null },
  ] as PciFunction[];
  vi.mocked(listFunctions).mockReturnValue(listed);
  const dependents = hotResetDependents(onBus(uapi.hotResetFlag.DEV_ID, [0, 1, 2, 3]));
  expect(dependents.map(({ address, group }) => [address, group])).toEqual([
    ["0000:05:00.0", 7],
    ["0000:05:00.1", 8],
    ["0000:05:00.2", -1],
    ["0000:05:00.3", -1],
  ]);
  expect(listFunctions).toHaveBeenCalledOnce();
});

it("the groups that the kernel names are taken as they are, and nothing is listed", () => {
  vi.mocked(listFunctions).mockClear();
  const dependents = hotResetDependents(onBus(0, [0, 1]));
  expect(dependents.map(({ group, owned }) => [group, owned])).toEqual([
    [1, false],
    [2, false],
  ]);
  expect(listFunctions).not.toHaveBeenCalled();
});
