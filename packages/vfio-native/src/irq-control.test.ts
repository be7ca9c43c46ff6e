import { expect, it } from "vitest";
import type { DeviceAccess } from "./device-access.ts";
import { IrqControl } from "./irq-control.ts";

/** A device whose kernel reports 4 vectors of each kind, and must be asked nothing else. */
function control(): IrqControl {
  const native = {
    ioctl: (_fd: number, _request: number, bytes: Uint8Array) => {
      expect(bytes.length).toBe(16); // struct vfio_irq_info
      new DataView(bytes.buffer).setUint32(12, 4, true);
      return 0;
    },
  };
  return new IrqControl({ native, fd: 5, assertUsable() {} } as unknown as DeviceAccess, 5);
}

it.each<[string, (irqs: IrqControl, value: never) => void]>([
  ["targets", (irqs, value) => irqs.set("msi", 0, value)],
  ["which", (irqs, value) => irqs.actEach("msi", 0, value, "mask")],
])("%s that are no array are refused before the kernel is asked", (name, call) => {
  for (const value of [null, undefined, 5, "x", {}, { length: 1 }]) {
    expect(() => call(control(), value as never)).toThrow(
      expect.objectContaining({
        code: "ERR_INVALID_ARGUMENT",
        message: expect.stringContaining(`${name} must be an array, not`),
        hint: expect.stringMatching(/./),
      }),
    );
  }
});
