/**
 * Run as a process: opens devices and does with each what is asked for, until it is closed. Orders are lines of JSON on
 * standard input; what happens is printed, behind the device's name. Ends when its input has ended and all devices are closed.
 */
import { createInterface } from "node:readline";
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
      // The others in this process, and the guest's only processor, are to get on too.
      await delay(1);
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

/** To open a device and to do something with it. */
export interface OpenOrder {
  readonly open: string;
  /** What the device is called in the output. */
  readonly name: string;
  readonly work: Work;
  /** Listens to requests for the device, unless it is left out. */
  readonly release?: ReleasePolicy;
}

/** What the process is to do next: open a device, or close the one of a name. */
export type Order = OpenOrder | { readonly close: string };

const devices = new Map<string, PciDevice>();

async function own({ open: address, name, work, release }: OpenOrder): Promise<void> {
  const say = (text: string): void => console.log(`${name}: ${text}`);
  const device = await openDevice(address, { dmaBits: DMA_BITS, ...(release && { release }) });
  devices.set(name, device);
  if (release !== undefined) {
    device.onRelease(({ requests, closesInMs }) => {
      const answers = device.config.vendorId !== 0xffff;
      const what = closesInMs === undefined ? "kept" : "closing";
      say(`asked ${requests}, ${what}, ${answers ? "answers" : "gone"}`);
    });
  }
  device.onError(({ recorded, counted }) => say(`error ${JSON.stringify({ recorded, counted })}`));
  say("ready");
  try {
    await works[work](device);
  } catch (error) {
    if (!isPciError(error, "ERR_CLOSED")) throw error;
  }
  // Begun already; the end of it is waited for.
  await device.close();
  say("closed");
}

for await (const line of createInterface(process.stdin)) {
  const order = JSON.parse(line) as Order;
  if ("close" in order) void devices.get(order.close)!.close();
  else void own(order);
}
