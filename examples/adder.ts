/** A PCI device that adds up bytes of memory. */
import { type DeviceModel, registerBank, registerTable, type Task } from "@userpci/device-model";
import { isPciError } from "userpci";

const status = {
  DONE: { lo: 0, doc: "The sum is there" },
  FAULT: { lo: 1, doc: "The bytes could not be read" },
} as const;

export const adderRegisters = registerTable("adder", {
  ADDRESS: { offset: 0x00, width: 64, access: "rw", doc: "Bus address of the bytes" },
  SIZE: { offset: 0x08, width: 32, access: "rw", doc: "Up to 64 Ki of them", effect: "Writing it starts." },
  SUM: { offset: 0x0c, width: 32, access: "ro", doc: "Their sum" },
  STATUS: { offset: 0x10, width: 32, access: "rw1c", doc: "How it went", fields: status },
});

export default {
  name: "adder",
  config: { vendorId: 0x1af4, deviceId: 0x10f0, classCode: 0x120000, capabilities: [{ name: "msi" }] },
  bars: { 0: { kind: "memory32", size: 4096, registers: adderRegisters } },
  create(device) {
    const bank = registerBank(adderRegisters, { SIZE: { write: (size) => device.run(add(size)) } });
    function* add(size: number): Task {
      const bytes = new Uint8Array(Math.min(size, 0x1_0000));
      try {
        yield* device.dma.read(bank.get("ADDRESS"), bytes);
        const sum = bytes.reduce((total, byte) => total + byte, 0);
        bank.set("SUM", sum);
        bank.update("STATUS", { DONE: true });
      } catch (error) {
        if (!isPciError(error, "ERR_DMA_FAULT")) throw error;
        bank.update("STATUS", { FAULT: true });
      }
      device.interrupts.signal(0);
    }
    return { bars: { 0: bank }, reset: () => bank.reset() };
  },
} satisfies DeviceModel;
