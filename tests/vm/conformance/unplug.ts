import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import type { Unplug } from "@userpci/conformance";
import { bindScript } from "../harness/bind-script.ts";

const BUS = "/sys/bus/pci";

/** Takes a function off its bus, as the kernel does when it leaves its slot: it asks the user, and waits for the close. */
export function unplugOf(address: string): Unplug {
  return {
    async remove() {
      // In a process of its own, which the kernel keeps as long as it waits.
      const writer = spawn("sh", ["-c", `echo 1 >${BUS}/devices/${address}/remove`], { stdio: "ignore" });
      const [status] = await once(writer, "exit");
      if (status !== 0) throw new Error(`${address} was not removed: status ${status}`);
    },
    async restore() {
      // Before a driver of the kernel's has it.
      writeFileSync(`${BUS}/drivers_autoprobe`, "0");
      writeFileSync(`${BUS}/rescan`, "1");
      writeFileSync(`${BUS}/drivers_autoprobe`, "1");
      execFileSync("sh", ["-c", bindScript([address])]);
    },
  };
}
