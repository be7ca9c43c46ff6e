import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { regionIndex } from "@userpci/interface";
import { kernelBackend } from "../harness/backend.ts";
import { type Child, startNode } from "../harness/child.ts";
import { edu, startEdu } from "../harness/edu-registers.ts";
import { expectCode } from "../harness/expect.ts";
import { guestSuite } from "../harness/suite.ts";
import { at } from "../machines.ts";
import type { Way } from "./holder.ts";

const HOLDER = new URL("./holder.js", import.meta.url);

/** What a process has of devices and of DMA memory. A new program opens and closes files meanwhile. */
function ours(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  const names = readdirSync(folder).map((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`);
    } catch {
      return "closed by now";
    }
  });
  return names.filter((name) => /vfio|memfd/.test(name));
}

async function startHolder(way: Way, address: string): Promise<Child> {
  const child = startNode(HOLDER, [way, address]);
  assert.equal(await child.line(), "ready");
  return child;
}

/** Opens a device that another process has left, and checks that it neither masters the bus nor interrupts. */
function checkQuiet(address: string): void {
  const hardware = readFileSync(`/sys/bus/pci/devices/${address}/config`);
  assert.equal(hardware.readUInt16LE(4) & 0b100, 0, "bus master is off");
  // edu's MSI capability is its first.
  assert.equal(hardware.readUInt16LE(hardware[0x34]! + 2) & 1, 0, "MSI is off");
  using backend = kernelBackend();
  using device = backend.openSync(address);
  assert.equal(device.region(regionIndex.config).read16(4) & 0b100, 0);
  const bar = startEdu(device);
  assert.equal(bar.read32(edu.ID), 0x0100_00ed);
  using target = device.createIrqTarget();
  device.setIrqs("msi", 0, [target]);
  bar.write32(edu.RAISE, 1);
  assert.ok(target.waitSync(2000) >= 1, "and it works");
}

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  // Only root sees whether MSI is off in a function that nobody has open.
  users: ["root"],
  tests: {
    "a process killed in the middle of DMA leaves the device quiet and free": async () => {
      using holder = await startHolder("dma", at.wideEdu);
      await setTimeout(130);
      holder.process.kill("SIGKILL");
      assert.equal(await holder.ended, "SIGKILL");
      checkQuiet(at.wideEdu);
    },

    "a process that exits without closing leaves the device quiet and free": async () => {
      using exiting = await startHolder("exit", at.wideEdu);
      assert.equal(await exiting.ended, 0);
      checkQuiet(at.wideEdu);
    },

    "a process whose event loop ends leaves the device quiet and free": async () => {
      using ending = await startHolder("end", at.wideEdu);
      assert.equal(await ending.ended, 0);
      checkQuiet(at.wideEdu);
    },

    "an uncaught exception leaves the device quiet and free": async () => {
      using throwing = await startHolder("throw", at.wideEdu);
      assert.equal(await throwing.ended, 1);
      checkQuiet(at.wideEdu);
    },

    "a device that another process has open is refused, and names that process": async () => {
      using holder = await startHolder("dma", at.edu);
      using backend = kernelBackend();
      const error = expectCode("ERR_DEVICE_BUSY", () => backend.openSync(at.edu));
      assert.match(error.message, new RegExp(`pid ${holder.process.pid} \\(.*holder\\.js`));
      assert.deepEqual(
        (error.details!["holders"] as { pid: number }[]).map(({ pid }) => pid),
        [holder.process.pid],
      );
      holder.process.kill("SIGKILL");
      await holder.ended;
      checkQuiet(at.edu);
    },

    "a child process does not keep the device": async () => {
      using backend = kernelBackend();
      const device = backend.openSync(at.edu);
      const bar = startEdu(device);
      using memory = backend.memory.alloc(4096);
      device.domain.mapSync(memory);
      const child = spawn("sleep", ["60"], { stdio: "ignore" });
      await once(child, "spawn");
      try {
        assert.deepEqual(ours(child.pid!), []);
        assert.equal(bar.read32(edu.ID), 0x0100_00ed);
        backend.closeSync();
        checkQuiet(at.edu);
      } finally {
        child.kill();
        await once(child, "exit");
      }
    },
  },
});
