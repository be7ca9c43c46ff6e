import { type DeviceModel, emulated, registerBank, registerTable } from "@userpci/device-model";
import { openDevice } from "userpci";

const registers = registerTable("doubler", {
  VALUE: { offset: 0, width: 32, access: "rw", doc: "Reads twice what was written" },
});
const doubler: DeviceModel = {
  name: "doubler",
  config: { vendorId: 0x1af4, deviceId: 0x10f1 },
  bars: { 0: { kind: "memory32", size: 4096, registers } },
  create() {
    const bank = registerBank(registers, { VALUE: { read: (value) => 2 * value } });
    return { bars: { 0: bank }, reset: () => bank.reset() };
  },
};

await using device = await openDevice("doubler", { backend: emulated(doubler) });
device.config.command.update({ memory: true });
using bar = device.bar(0).map();
bar.write32(0, 21);
console.log(bar.read32(0)); // 42
