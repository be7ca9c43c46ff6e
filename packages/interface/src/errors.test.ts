import { describe, expect, it } from "vitest";
import { DeviceGoneError, isPciError, PciError } from "./errors.ts";

describe("PciError", () => {
  it("carries code, hint, cause and the numbers of a failed system call", () => {
    const cause = new Error("beneath");
    const error = new PciError("ERR_DEVICE_BUSY", "group 7 is open elsewhere", {
      hint: "end process 41",
      cause,
      errno: -16,
      syscall: "open",
      path: "/dev/vfio/7",
      details: { pid: 41 },
    });
    expect(error).toMatchObject({
      name: "PciError",
      code: "ERR_DEVICE_BUSY",
      hint: "end process 41",
      cause,
      errno: -16,
      syscall: "open",
      path: "/dev/vfio/7",
      details: { pid: 41 },
    });
  });

  it("has only the properties it was given, so that it prints without noise", () => {
    const { stack: _stack, ...properties } = new PciError("ENOTTY", "no such ioctl");
    expect(Object.keys(properties).sort()).toEqual(["code", "name"]);
  });

  it("says what to do where the thrower said nothing, for codes that have one answer", () => {
    expect(new PciError("ERR_CLOSED", "closed").hint).toMatch(/open it again/);
    expect(new PciError("ERR_CLOSED", "closed", { hint: "better" }).hint).toBe("better");
  });

  it("is recognised when it comes from another copy of the package", () => {
    const foreign = Object.assign(new Error("from elsewhere"), {
      code: "ERR_CLOSED",
      [Symbol.for("@userpci/PciError")]: true,
    });
    expect(isPciError(foreign)).toBe(true);
    expect(isPciError(foreign, "ERR_CLOSED")).toBe(true);
    expect(isPciError(foreign, "ERR_TIMEOUT")).toBe(false);
  });

  it("does not take other errors and values for its own", () => {
    for (const value of [undefined, null, "ERR_CLOSED", {}, new Error("no"), { code: "ERR_CLOSED" }]) {
      expect(isPciError(value)).toBe(false);
    }
  });

  it("has a class of its own for a device that is gone", () => {
    const error = new DeviceGoneError("0000:01:00.0 does not answer");
    expect(error.name).toBe("DeviceGoneError");
    expect(isPciError(error, "ERR_DEVICE_GONE")).toBe(true);
  });
});
