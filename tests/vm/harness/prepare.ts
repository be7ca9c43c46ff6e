/** Run as root in the guest once a boot: binds the devices of the machine to vfio-pci and opens them up to the user. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { bind } from "@userpci/sysfs";
import { bound, functionsAt, physicalFunction, USER } from "../machines.ts";

const machine = process.argv[2]!;

/** Virtual functions come from the driver of their physical function, which must be up. */
function createVirtualFunctions(): void {
  const device = `/sys/bus/pci/devices/${physicalFunction}`;
  writeFileSync(`${device}/driver_override`, "igb");
  execFileSync("modprobe", ["igb"]);
  writeFileSync("/sys/bus/pci/drivers_probe", physicalFunction);
  writeFileSync(`${device}/sriov_drivers_autoprobe`, "0");
  writeFileSync(`${device}/sriov_numvfs`, "1");
}

if (bound[machine] === functionsAt) createVirtualFunctions();
for (const address of Object.values(bound[machine]!)) {
  await bind(address, { user: USER });
}
writeFileSync("/run/userpci-prepared", "");
