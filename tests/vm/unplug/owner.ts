/**
 * Run as a process: opens a device and does with it what is asked for, until it is closed:
 * `node owner.js WORK ADDRESS [close|keep]`. Prints what happens.
 */
import { setTimeout as delay } from "node:timers/promises";
import { DMA_BITS, Edu } from "@userpci/edu";
import { isPciError, openDevice, type PciDevice, type ReleasePolicy } from "userpci";

/** BAR of a modern virtio device that has its registers (QEMU's layout). */
const VIRTIO_REGISTERS = 4;

/** What a driver may be at when its device is to go. Each ends, or throws `ERR_CLOSED`, when the device is being closed. */
const works = {
  /** Nothing at all. */
  idle: async (device: PciDevice) => {
    while (!device.closed) await delay(10);
  },
  /** Reading a register over and over. */
  polling: async (device: PciDevice) => {
    const registers = device.bar(VIRTIO_REGISTERS).map();
    for (;;) {
      for (let reads = 0; reads < 1000; reads++) registers.read32(0);
      await delay(0);
    }
  },
  /** Waiting for an interrupt that does not come. */
  waiting: async (device: PciDevice) => {
    for await (const count of device.irqs.enable("msix").at(0)) console.log(`interrupts ${count}`);
  },
  /** DMA after DMA by edu, which takes 100 ms each. */
  dma: async (device: PciDevice) => {
    const edu = Edu.attach(device);
    const buffer = await device.dma.alloc(4096);
    for (;;) await edu.copyIn(buffer);
  },
} as const satisfies Record<string, (device: PciDevice) => Promise<void>>;

/** A name of {@link works}. */
export type Work = keyof typeof works;

const [work, address, release] = process.argv.slice(2) as [Work, string, ReleasePolicy?];
const device = await openDevice(address, { dmaBits: DMA_BITS, ...(release && { release }) });
if (release !== undefined) {
  device.onRelease(({ requests, closesInMs }) => {
    const answers = device.config.vendorId !== 0xffff;
    console.log(
      `asked ${requests}, ${closesInMs === undefined ? "kept" : "closing"}, ${answers ? "answers" : "gone"}`,
    );
  });
}
device.onError(({ recorded, counted }) => console.log(`error ${JSON.stringify({ recorded, counted })}`));
console.log("ready");
try {
  await works[work](device);
} catch (error) {
  if (!isPciError(error, "ERR_CLOSED")) throw error;
}
// Begun already; the end of it is waited for.
await device.close();
console.log("closed");
