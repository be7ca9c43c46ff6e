import { PciError } from "@userpci/interface";
import { afterEach, expect, it, vi } from "vitest";
import { Descriptor } from "./descriptor.ts";
import { DeviceAccess } from "./device-access.ts";
import type * as hotReset from "./hot-reset.ts";
import { loadNative } from "./native.ts";
import { Resets } from "./resets.ts";

const native = loadNative();
const EIO = -5;
const gone = new PciError("ENODEV", "disabling msi: ENODEV");

afterEach(() => vi.restoreAllMocks());

vi.mock("./hot-reset.ts", async (importOriginal) => ({
  ...(await importOriginal<typeof hotReset>()),
  hotResetArgument: () => new Uint8Array(12),
  hotResetDependents: () => [{ address: "0000:01:00.1", group: 1, owned: true }],
}));

/** Two functions on one bus, of which the first has its reset called. */
function pair(result: number) {
  vi.spyOn(native, "ioctlAsync").mockResolvedValue(result);
  const [access, other] = ["0000:01:00.0", "0000:01:00.1"].map(
    (address) => new DeviceAccess(native, 5, address, 0),
  ) as [DeviceAccess, DeviceAccess];
  const descriptor = new Descriptor(native, 5);
  const resets = new Resets({ access, descriptor, resettable: true, accessOf: () => other });
  return { resets, access, other };
}

it("a step that fails after a reset is told, and leaves no function in the reset, nor another step undone", async () => {
  const { resets, access, other } = pair(0);
  const reset = resets.hotReset();
  expect([access.resetting, other.resetting]).toEqual([true, true]);
  const done: string[] = [];
  access.afterReset(() => {
    throw gone;
  });
  access.afterReset(() => done.push("second"));
  other.afterReset(() => done.push("other"));
  await expect(reset).rejects.toBe(gone);
  expect([access.blocked, other.blocked, done]).toEqual([false, false, ["second", "other"]]);
});

/** What the class code of both functions reads as. */
function withClassCode(value: number): void {
  vi.spyOn(native, "readScalar").mockReturnValue(value);
}

it("a reset that fails says so, whatever fails afterwards", async () => {
  withClassCode(0x0200_0000);
  const { resets, access } = pair(EIO);
  const reset = resets.reset();
  access.afterReset(() => {
    throw gone;
  });
  await expect(reset).rejects.toMatchObject({ code: "EIO" });
  expect(access.blocked).toBe(false);
});

it.each(["reset", "hotReset"] as const)("a %s of a device that has left says that it has", async (method) => {
  withClassCode(0xffff_ffff);
  const { resets } = pair(EIO);
  await expect(resets[method]()).rejects.toMatchObject({
    code: "ERR_DEVICE_GONE",
    message: expect.stringMatching(/0000:01:00.0 no longer answers: its (hot )?reset found nobody/),
  });
});
