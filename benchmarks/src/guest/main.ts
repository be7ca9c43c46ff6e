// The rows that need a device: run as root inside the virtual machine. Prints the results as JSON.
import { bind } from "@userpci/sysfs";
import { openDevice } from "userpci";
import { Bench } from "../bench.ts";
import type { GuestOrder } from "../vm.ts";
import { interruptRows, registerRows } from "./device.ts";
import { dmaRows, mappingRows } from "./dma.ts";

const order = JSON.parse(process.argv[2]!) as GuestOrder;
for (const address of [order.device, order.spare, order.third]) await bind(address);
const bench = new Bench({ ...order, place: "vm", onRow: (name) => process.stderr.write(`${name}\n`) });
const device = await openDevice(order.device);
try {
  device.config.command.update({ memory: true, busMaster: true });
  if (order.kernel === "iommufd") {
    await mappingRows(bench, device, order);
  } else {
    await registerRows(bench, device, order);
    await interruptRows(bench, device, order);
    await dmaRows(bench, device, order);
  }
} finally {
  await device.close();
}
process.stdout.write(JSON.stringify(bench.results));
