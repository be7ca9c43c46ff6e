import type { DeviceModel } from "@userpci/device-model";

/** Size of the controller's BAR: its registers, a page of plain memory, and the structures of MSI-X. */
const BAR_SIZE = 0x4000;

/**
 * A function with everything that the suite wants of its main one: the ids and the vectors of QEMU's NVMe controller, function
 * level reset, a port of its own, and registers that can be mapped. Its registers keep what is written.
 */
export function controller(): DeviceModel {
  return {
    name: "controller",
    config: {
      vendorId: 0x1b36,
      deviceId: 0x0010,
      classCode: 0x010802,
      interruptPin: 1,
      capabilities: [
        { name: "pcie", registers: { deviceCapabilities: { functionLevelReset: true } } },
        {
          name: "msix",
          registers: {
            control: { tableSize: 64 },
            table: { bar: 0, offset: 0x2000 },
            pba: { bar: 0, offset: 0x3000 },
          },
        },
      ],
    },
    bars: {
      0: {
        kind: "memory64",
        size: BAR_SIZE,
        memory: [{ offset: 0x1000, size: 0x1000, mappable: true }],
      },
    },
    busReset: true,
    create() {
      const values = new DataView(new ArrayBuffer(BAR_SIZE));
      return {
        bars: {
          0: {
            read: (offset, width) =>
              ({
                1: values.getUint8(offset),
                2: values.getUint16(offset & ~1, true),
                4: values.getUint32(offset & ~3, true),
              })[width],
            write(offset, width, value) {
              if (width === 1) values.setUint8(offset, value);
              else if (width === 2) values.setUint16(offset, value, true);
              else values.setUint32(offset, value, true);
            },
          },
        },
        reset: () => new Uint8Array(values.buffer).fill(0),
      };
    },
  };
}
