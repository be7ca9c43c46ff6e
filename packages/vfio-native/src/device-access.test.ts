import { expect, it } from "vitest";
import { DeviceAccess } from "./device-access.ts";
import type { Native } from "./native.ts";

/** A device whose class code and command register read so. */
function deviceWith(classCode: number, command: number): DeviceAccess {
  const readScalar = (_fd: number, offset: number) => (offset === 8 ? classCode : command);
  return new DeviceAccess({ readScalar } as unknown as Native, 3, "0000:01:00.0", 0);
}

it("a device that is gone decodes no memory, though VFIO answers bits of its command register", () => {
  const gone = deviceWith(0xffff_ffff, 0xfbff);
  expect(gone.decodesMemory()).toBe(false);
  expect(gone.goneError("offset 0x0 of BAR 0")).toMatchObject({
    name: "DeviceGoneError",
    message: "0000:01:00.0 no longer answers: offset 0x0 of BAR 0 found nobody",
  });
  expect(gone.faultError("it")).toMatchObject({ code: "ERR_DEVICE_GONE" });
});

it("a device that answers is not gone, whether it decodes memory or not", () => {
  expect(deviceWith(0x00ff_0010, 0b110).decodesMemory()).toBe(true);
  const off = deviceWith(0x00ff_0010, 0b100);
  expect([off.decodesMemory(), off.goneError("it")]).toEqual([false, undefined]);
  expect(off.faultError("it")).toMatchObject({ code: "ERR_MEMORY_DISABLED" });
});

/** A device that decodes memory, with a power management capability behind another one, in a power state. */
function deviceInState(state: number): DeviceAccess {
  const bytes = new Uint8Array(256);
  bytes.set([2, 0, 0x10, 0], 4);
  bytes[0x34] = 0x40;
  bytes.set([0x05, 0x50], 0x40);
  bytes.set([0x01, 0, 3, 0, 8 | state], 0x50);
  const view = new DataView(bytes.buffer);
  const readScalar = (_fd: number, offset: number, width: number) =>
    width === 1 ? view.getUint8(offset) : view.getUint16(offset, true);
  return new DeviceAccess({ readScalar } as unknown as Native, 3, "0000:01:00.0", 0);
}

it("a device that sleeps is told from one that does not decode memory", () => {
  expect(deviceInState(3).faultError("offset 0x0 of BAR 0")).toMatchObject({
    code: "ERR_MEMORY_DISABLED",
    message: "0000:01:00.0 is in D3hot: offset 0x0 of BAR 0 found nobody",
    hint: expect.stringContaining("powerState: 0"),
  });
  expect(deviceInState(0).faultError("it")).toMatchObject({
    code: "ERR_MEMORY_DISABLED",
    message: "0000:01:00.0 does not decode memory: it found nobody",
    hint: expect.stringContaining("memory: true"),
  });
});

it("a device whose configuration space cannot be read any more is gone", () => {
  expect(deviceWith(-5, -5).goneError("it")).toMatchObject({ code: "ERR_DEVICE_GONE" });
});
