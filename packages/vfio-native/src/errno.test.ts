import { describe, expect, it } from "vitest";
import { errnoName, systemError } from "./errno.ts";

describe("errnoName", () => {
  it.each([
    [-16, "EBUSY"],
    [16, "EBUSY"],
    [-25, "ENOTTY"],
    [-9999, "errno 9999"],
    [0, "errno 0"],
    [Number.NaN, "errno NaN"],
  ])("calls %d %s", (errno, name) => {
    expect(errnoName(errno)).toBe(name);
  });
});

describe("systemError", () => {
  it("has the shape of Node's own system errors", () => {
    expect(systemError(-25, "ioctl")).toMatchObject({
      name: "PciError",
      code: "ENOTTY",
      errno: -25,
      syscall: "ioctl",
      message: "ioctl: ENOTTY",
    });
  });

  it("takes a code, a message, a hint and a path that say more", () => {
    const hint = "end process 41";
    const path = "/dev/vfio/7";
    const message = "opening group 7";
    expect(systemError(-16, "open", { code: "ERR_DEVICE_BUSY", message, hint, path })).toMatchObject({
      code: "ERR_DEVICE_BUSY",
      message: "opening group 7: EBUSY",
      hint,
      path,
      errno: -16,
      syscall: "open",
    });
  });
});
