import { expect, it } from "vitest";
import { DeviceAccess } from "./device-access.ts";
import { IrqControl } from "./irq-control.ts";
import type { Native } from "./native.ts";
import { irqFlag, irqSet, irqSetHeader, request } from "./uapi/vfio.ts";

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

/** A device with one INTx vector, enabled, and what its kernel was asked to unmask. */
function intx() {
  const unmasked: number[] = [];
  const native = {
    ioctl: (_fd: number, asked: number, bytes: Uint8Array) => {
      const view = new DataView(bytes.buffer);
      if (asked === request.DEVICE_GET_IRQ_INFO) {
        view.setUint32(4, irqFlag.MASKABLE | irqFlag.AUTOMASKED, true);
        view.setUint32(12, 1, true);
      } else if ((irqSetHeader.read(bytes).flags & irqSet.ACTION_UNMASK) !== 0) {
        unmasked.push(irqSetHeader.read(bytes).start);
      }
      return 0;
    },
  };
  const access = new DeviceAccess(native as unknown as Native, 5, "0000:01:00.0", 0);
  const irqs = new IrqControl(access, 5);
  irqs.set("intx", 0, [null]);
  return { access, irqs, unmasked };
}

it("unmasks after a reset what is to be unmasked during it, as after a listener that resets its device", () => {
  const { access, irqs, unmasked } = intx();
  access.beginReset();
  irqs.unmask("intx", 0, 1);
  expect(unmasked).toEqual([]);
  access.endReset();
  expect(unmasked).toEqual([0]);
});

it("unmasks nothing after a reset that was disabled during it, and refuses what there is not", () => {
  const { access, irqs, unmasked } = intx();
  access.beginReset();
  irqs.disable("intx");
  irqs.unmask("intx", 0, 1);
  expect(() => irqs.unmask("intx", 1, 1)).toThrow(expect.objectContaining({ code: "ERR_IRQ_COUNT" }));
  access.endReset();
  expect(unmasked).toEqual([]);
});
