import { failing } from "@userpci/interface/testing";
import { expect, it } from "vitest";
import type { CdevBinding } from "./cdev.ts";
import type { DeviceAccess } from "./device-access.ts";
import { DeviceIommu } from "./device-iommu.ts";
import type { PageTable } from "./page-table.ts";
import * as uapi from "./uapi/vfio.ts";

const EINVAL = -22;
const EOPNOTSUPP = -95;

/** A device whose kernel answers so to what it is to be attached to. */
function answering(result: number) {
  const native = {
    ioctl: (_fd: number, request: number) => (request === uapi.request.DEVICE_ATTACH_IOMMUFD_PT ? result : 0),
  };
  const access = { native, fd: 5, address: "0000:00:04.0", assertUsable() {} } as unknown as DeviceAccess;
  const iommufd = { knows: () => true };
  const iommu = new DeviceIommu(access, { iommufd, ioas: {} } as unknown as CdevBinding);
  // What it can do is asked of another ioctl, of the iommufd.
  iommu.hardware = () => ({ pasidBits: 20 }) as ReturnType<DeviceIommu["hardware"]>;
  const table = { id: 3, iommufd, closed: false, close() {} } as unknown as PageTable;
  return { iommu, table };
}

it("a page table that the kernel does not take is no missing PASID", () => {
  for (const [result, name] of [
    [EOPNOTSUPP, "ENOTSUP"],
    [EINVAL, "EINVAL"],
  ] as const) {
    const { iommu, table } = answering(result);
    expect(() => iommu.attach(table)).toThrow(failing(name, /attaching 0000:00:04.0 to page table 3/));
  }
});

it("a page table that the kernel does not take for a PASID is one, where it says so", () => {
  const missing = answering(EOPNOTSUPP);
  expect(() => missing.iommu.attachPasid(9, missing.table)).toThrow(failing("ERR_NOT_SUPPORTED", /PASID/i));
  const refused = answering(EINVAL);
  expect(() => refused.iommu.attachPasid(9, refused.table)).toThrow(failing("EINVAL"));
});

it("only a page table that is open, and in the same iommufd, is attached", () => {
  const { iommu, table } = answering(0);
  iommu.attach(table);
  const attach = (changed: object) => () => iommu.attach({ ...table, ...changed } as unknown as PageTable);
  expect(attach({ closed: true })).toThrow(failing("ERR_CLOSED"));
  expect(attach({ iommufd: {} })).toThrow(failing("ERR_INVALID_ARGUMENT"));
  expect(() => iommu.attach(undefined as never)).toThrow(failing("ERR_INVALID_ARGUMENT"));
});
