import { toIova } from "@userpci/interface";
import { failing } from "@userpci/interface/testing";
import { MemoryMapper } from "@userpci/iommu";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { vfioCdev } from "./cdev-backend.ts";
import { IoasMapper } from "./ioas-mapper.ts";
import { loadNative } from "./native.ts";
import { FakeKernel } from "./test/fake-kernel.ts";

vi.mock("./lookup.ts", () => ({
  placeOf: (address: string) => ({ address, group: 5, node: "vfio0" }),
  goneInstead: (_address: string, error: unknown) => error,
}));

const ADDRESS = "0000:00:04.0";
const native = loadNative();

let before = native.ledger();
let kernel: FakeKernel;
beforeEach(() => {
  before = native.ledger();
  kernel = new FakeKernel();
  const ranges = [{ start: toIova(0), last: toIova(0xffff_ffff) }];
  vi.spyOn(IoasMapper.prototype, "limits").mockReturnValue({ ranges, pageSize: 4096 });
});
afterEach(() => {
  vi.restoreAllMocks();
  expect(native.ledger()).toEqual(before);
});

describe("a device whose descriptor a child process still has", () => {
  it.each(["close", "closeSync"] as const)("leaves nothing behind by %s, and opens again", async (close) => {
    const backend = vfioCdev();
    const domain = backend.createDomain({ dirtyTracking: true });
    for (let i = 0; i < 2; i++) {
      const device = backend.openSync(ADDRESS, { domain });
      expect(kernel.attached.size).toBe(1);
      await device[close]();
      expect([device.closed, domain.attached]).toEqual([true, 0]);
    }
    kernel.attached.clear();
    await domain[close]();
    expect([...kernel.objects]).toEqual([]);
    await backend[close]();
  });

  it("says why it could not be opened, not what that left", async () => {
    const backend = vfioCdev();
    const domain = backend.createDomain({ dirtyTracking: true });
    const options = { domain, requireReset: true };
    expect(() => backend.openSync(ADDRESS, options)).toThrow(failing("ERR_NO_RESET"));
    await expect(backend.open(ADDRESS, options)).rejects.toEqual(failing("ERR_NO_RESET"));
    backend.closeSync();
  });
});

it("a domain that was made without dirty bits says how to make one with them", () => {
  using backend = vfioCdev();
  const domain = backend.createDomain();
  backend.openSync(ADDRESS, { domain });
  expect(() => domain.dirty!.start()).toThrow(
    expect.objectContaining({
      code: "ERR_NOT_SUPPORTED",
      message: expect.stringMatching(/^iommufd ioas \d+ was made without dirty bits/),
      hint: expect.stringContaining("backend.createDomain({ dirtyTracking: true })"),
    }),
  );
  kernel.attached.clear();
});

it("a device is closed with its domain also when its page table cannot be destroyed", () => {
  const backend = vfioCdev();
  const domain = backend.createDomain({ dirtyTracking: true });
  const device = backend.openSync(ADDRESS, { domain });
  kernel.objects.delete(kernel.attached.get([...kernel.attached.keys()][0]!)!);
  expect(() => device.closeSync()).toThrow(failing("ENOENT"));
  device.closeSync();
  expect(domain.attached).toBe(0);
  backend.openSync(ADDRESS, { domain }).closeSync();
  expect(() => backend.closeSync()).toThrow(failing("ENOENT"));
  expect(domain.closed).toBe(true);
});

describe.each(["close", "closeSync"] as const)("%s of a backend", (close) => {
  it("takes no address space from a domain with a device of another backend in it", async () => {
    const backend = vfioCdev();
    const domain = backend.createDomain();
    const device = backend.openSync(ADDRESS, { domain });
    const guest = domain.attach(new MemoryMapper(), "a device of another backend");
    await expect((async () => backend[close]())()).rejects.toEqual(failing("ERR_DOMAIN_IN_USE"));
    expect([device.closed, domain.closed, kernel.objects.size]).toEqual([false, false, 1]);
    guest.detach();
    kernel.attached.clear();
    await backend[close]();
    expect([device.closed, domain.closed, kernel.objects.size]).toEqual([true, true, 0]);
  });

  it("closes the address spaces behind one that fails, and tells all that failed", async () => {
    const backend = vfioCdev();
    for (let i = 0; i < 2; i++) {
      backend.openSync(ADDRESS, { domain: backend.createDomain() }).closeSync();
    }
    kernel.attached.clear();
    kernel.objects.clear();
    const closing = (async () => backend[close]())();
    await expect(closing).rejects.toMatchObject({ code: "ENOENT", cause: { errors: [{}, {}] } });
  });
});

it.each(["close", "closeSync"] as const)(
  "%s of a domain closes what was made of its address space, a page table that a device left open elsewhere too",
  async (close) => {
    const backend = vfioCdev();
    const domain = backend.createDomain();
    const device = backend.openSync(ADDRESS, { domain });
    const iommu = device.iommu!;
    const faults = iommu.createFaultQueue();
    const table = iommu.createPageTable({ faults });
    iommu.attach(table);
    await device[close]();
    expect([table.closed, faults.closed]).toEqual([false, false]);
    const spare = iommu.ioas.createFaultQueue();
    await domain[close]();
    expect([table.closed, faults.closed, spare.closed]).toEqual([true, true, true]);
    // The kernel's own are the table and what it uses, until the other process lets go of the device.
    expect([...kernel.objects.keys()]).toEqual([iommu.ioas.id, faults.id, table.id]);
    expect(() => iommu.ioas.createFaultQueue()).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
    await backend[close]();
    kernel.closeFaults();
  },
);

it("a domain that a device of another backend joins while a backend closes goes on", async () => {
  const backend = vfioCdev();
  const domain = backend.createDomain();
  backend.openSync(ADDRESS, { domain });
  const closing = backend.close();
  const guest = domain.attach(new MemoryMapper(), "a device of another backend");
  await expect(closing).rejects.toEqual(failing("ERR_DOMAIN_IN_USE"));
  expect([domain.closed, kernel.objects.size]).toEqual([false, 1]);
  guest.detach();
  kernel.attached.clear();
  await domain.close();
  expect(kernel.objects.size).toBe(0);
});
