import { type DmaMemory, type PciError, toIova } from "@userpci/interface";
import { describe, expect, it } from "vitest";
import { busyError, mapError, openError } from "./explain.ts";

const memory = { size: 4096 } as DmaMemory;
const limits = () => ({ ranges: [{ start: 0n, last: 0xfedf_ffffn }], pageSize: 4096 });
const request = { iova: toIova(0x1000), size: 8192, memory, offset: 0, direction: "bidirectional" } as const;

describe("openError", () => {
  it("tells an ordinary user which command opens the node up", () => {
    const error = openError(-13, "/dev/vfio/7");
    expect(error).toMatchObject({ code: "ERR_PERMISSION", errno: -13, syscall: "open", path: "/dev/vfio/7" });
    expect(error.hint).toContain("--user");
  });

  it("tells a missing module from a missing group", () => {
    expect(openError(-2, "/dev/vfio/vfio").hint).toContain("modprobe");
    expect(openError(-19, "/dev/vfio/7").code).toBe("ERR_NO_IOMMU");
  });

  it("keeps the system's code where there is nothing better to say", () => {
    expect(openError(-24, "/dev/vfio/7").code).toBe("EMFILE");
  });
});

describe("busyError", () => {
  const busy = openError(-16, "/dev/vfio/7") as PciError & { path: string };

  it("names who has the node open", () => {
    expect(busy.code).toBe("EBUSY");
    const error = busyError(busy, {
      holders: [{ pid: 41, command: "qemu-system-x86_64", path: "/dev/vfio/7" }],
      unreadable: 0,
    });
    expect(error).toMatchObject({ code: "ERR_DEVICE_BUSY", errno: -16, path: "/dev/vfio/7" });
    expect(error.message).toContain("41");
    expect(error.message).toContain("qemu-system-x86_64");
  });

  it("tells how to find a holder that this user may not see", () => {
    const hidden = busyError(busy, { holders: [], unreadable: 3 });
    expect(hidden.hint).toContain("fuser");
    expect(hidden.message).toContain("another user");
    expect(busyError(busy, { holders: [], unreadable: 0 }).message).not.toContain("another user");
  });

  it("tells a program that holds the node itself to close it, not to end", () => {
    const error = busyError(busy, {
      holders: [{ pid: process.pid, command: "node me.js", path: "/dev/vfio/7" }],
      unreadable: 0,
    });
    expect(error.message).toContain(`is open in this process (pid ${process.pid}) already`);
    expect(error.hint).toBe(`close the device in this process (pid ${process.pid})`);
  });
});

describe("mapError", () => {
  it("gives each refusal of the kernel its reason with the numbers", () => {
    expect(mapError(-17, request, limits).code).toBe("ERR_IOVA_OVERLAP");
    expect(mapError(-28, request, limits).hint).toContain("dma_entry_limit");
    const range = mapError(-22, request, limits);
    expect(range.code).toBe("ERR_IOVA_RANGE");
    expect(range.message).toContain("0xfedfffff");
    const overflow = mapError(-75, request, limits); // since Linux 7.2 of what passes the end of the address space
    expect([overflow.code, overflow.message]).toEqual([
      range.code,
      range.message.replace("EINVAL", "EOVERFLOW"),
    ]);
    expect(mapError(-14, request, limits)).toMatchObject({
      code: "EFAULT",
      message: "mapping 8192 bytes at IOVA 0x1000: the memory cannot be pinned: EFAULT",
      hint: expect.stringContaining("tmpfs"),
      details: { iova: 0x1000n, size: 8192 },
    });
    expect(mapError(-25, request, limits)).toMatchObject({ code: "ERR_NOT_SUPPORTED", errno: -25 });
    expect(mapError(-4, request, limits)).toMatchObject({
      code: "EINTR",
      message: "mapping 8192 bytes at IOVA 0x1000: EINTR",
      hint: expect.stringContaining("dmesg"),
    });
  });

  it("still tells what failed when the container tells nothing any more", () => {
    const error = mapError(-22, request, () => {
      throw new Error("closed");
    });
    expect(error.code).toBe("ERR_IOVA_RANGE");
  });
});
