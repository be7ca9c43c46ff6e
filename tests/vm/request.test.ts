import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { bind } from "@userpci/sysfs";
import { openDevice } from "userpci";
import { guestSuite } from "./harness/suite.ts";
import { at, USER } from "./machines.ts";

const SOON = { timeoutMs: 5000 };

/** Takes the function away from vfio-pci, as a hot-unplug does. Resolves with the status once the kernel has. */
function unbind(address: string): Promise<number> {
  const command = `echo ${address} >/sys/bus/pci/drivers/vfio-pci/unbind`;
  const writer = spawn("sh", ["-c", command], { stdio: "ignore" });
  return once(writer, "exit").then(([status]) => status as number);
}

await guestSuite(import.meta.url, {
  // Only root takes functions away.
  users: ["root"],
  tests: {
    "a request for the device reaches who waits for its interrupts, and is granted by closing": async () => {
      const device = await openDevice(at.wideEdu);
      try {
        const vector = device.irqs.enable("msi").at(0);
        const events = vector.events();
        const first = events.next();
        const requested = device.irqs.enable("req").at(0).wait(SOON);
        let isGone = false;
        const gone = unbind(at.wideEdu).then((status) => {
          isGone = true;
          return status;
        });
        assert.ok((await requested) >= 1);
        // Ignored so far: the device goes on.
        vector.trigger();
        assert.deepEqual(await first, { value: 1, done: false });
        const pending = events.next();
        assert.equal(isGone, false, "the kernel waits for its user");
        await device.close();
        assert.deepEqual(await pending, { value: undefined, done: true });
        assert.equal(await gone, 0);
      } finally {
        await device.close();
        await bind(at.wideEdu, { user: USER });
      }
      await using again = await openDevice(at.wideEdu);
      assert.equal(again.closed, false);
    },

    "requests are the listeners' again when the program's own set of them is closed": async () => {
      await using device = await openDevice(at.wideEdu, { release: "keep" });
      const told = new Promise<number>((resolve) => {
        device.onRelease(({ requests }) => resolve(requests));
      });
      const own = device.irqs.enable("req");
      device.backendDevice.triggerIrqs("req", 0, 1);
      assert.equal(await own.at(0).wait(SOON), 1);
      own.close();
      device.backendDevice.triggerIrqs("req", 0, 1);
      // Which listening does not: keep the process alive.
      assert.equal(await Promise.race([told, delay(SOON.timeoutMs)]), 1);
    },
  },
});
