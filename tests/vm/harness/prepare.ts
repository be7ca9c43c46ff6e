/** Run as root in the guest once a boot: binds the devices of the machine to vfio-pci and opens them up to the user. */
import { writeFileSync } from "node:fs";
import { bind } from "@userpci/sysfs";
import { at, USER } from "../machines.ts";

for (const address of Object.values(at)) {
  await bind(address, { user: USER });
}
writeFileSync("/run/userpci-prepared", "");
