/**
 * Run as a process: opens devices and does with each what is asked for, until it is closed. Orders are lines of JSON on
 * standard input; what happens is printed, behind the device's name. Ends when its input has ended and all devices are closed.
 */
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { DMA_BITS, Edu } from "@userpci/edu";
import { isPciError, openDevice, type PciDevice, type ReleasePolicy } from "userpci";
import { holdings } from "../harness/process.ts";

/** BARs with registers, by vendor: edu's, and those of QEMU's modern virtio devices. */
const registersOf: Readonly<Record<number, number>> = { 4660: 0, 6900: 4 };

/** Revision and class code. */
const CLASS_REGISTER = 0x08;

/**
 * What a driver may be at when its device is to go. Each ends, or throws `ERR_CLOSED`, when the device is being closed; those
 * that read registers throw `ERR_DEVICE_GONE` when it has gone.
 */
const works = {
  /** Nothing at all. */
  idle: async (device: PciDevice) => {
    while (!device.closed) await delay(10);
  },
  /** Reading a register over and over. */
  polling: async (device: PciDevice) => {
    const registers = device.bar(registersOf[device.config.vendorId]!).map();
    for (;;) {
      for (let reads = 0; reads < 1000; reads++) registers.read32(0);
      // The others in this process, and the guest's only processor, are to get on too.
      await delay(1);
    }
  },
  /** Waiting for an interrupt that does not come. */
  waiting: async (device: PciDevice) => {
    const kind = device.irqs.info("msix").count > 0 ? "msix" : "msi";
    for await (const count of device.irqs.enable(kind).at(0)) console.log(`interrupts ${count}`);
  },
  /** DMA after DMA by edu, which takes 100 ms each. */
  dma: async (device: PciDevice) => {
    const edu = Edu.attach(device);
    const buffer = await device.dma.alloc(4096);
    for (;;) {
      // On a busy machine 100 ms may become more than 2 s; who pulls the device out waits longer for this.
      await edu.copyIn(buffer, buffer.size, 0, { timeoutMs: 10_000 }).catch((error: unknown) => {
        // Where a device was pulled out there is memory, which unlike a bus keeps what is written: a register that nobody writes tells.
        if (isPciError(error, "ERR_TIMEOUT")) void edu.version;
        throw error;
      });
    }
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
  /** Opens it in a worker. */
  readonly inWorker?: boolean;
}

/** What the process is to do next: open a device, close the one of a name, or say what it holds, under a name. */
export type Order = OpenOrder | { readonly close: string } | { readonly holdings: string };

const devices = new Map<string, PciDevice>();

async function own({ open: address, name, work, release }: OpenOrder): Promise<void> {
  const say = (text: string): void => console.log(`${name}: ${text}`);
  const device = await openDevice(address, { dmaBits: DMA_BITS, ...(release && { release }) });
  devices.set(name, device);
  if (release !== undefined) {
    device.onRelease(({ requests, closesInMs }) => {
      // Not the ids, which the kernel itself answers.
      const answers = device.config.region.read32(CLASS_REGISTER) !== 0xffff_ffff;
      const what = closesInMs === undefined ? "kept" : "closing";
      say(`asked ${requests}, ${what}, ${answers ? "answers" : "gone"}`);
    });
  }
  device.onError(({ recorded, counted }) => say(`error ${JSON.stringify({ recorded, counted })}`));
  say("ready");
  try {
    await works[work](device);
  } catch (error) {
    if (isPciError(error, "ERR_DEVICE_GONE")) say(`lost: ${error.message}; ${error.hint}`);
    else if (!isPciError(error, "ERR_CLOSED")) throw error;
  }
  // Begun already, unless it has gone; the end of it is waited for.
  await device.close();
  say("closed");
}

function obey(order: Order): void {
  if ("close" in order) void devices.get(order.close)!.close();
  else if ("holdings" in order) console.log(`${order.holdings}: ${JSON.stringify(holdings())}`);
  else if (order.inWorker) new Worker(new URL("./owner.js", import.meta.url), { workerData: order });
  else void own(order);
}

if (isMainThread) for await (const line of createInterface(process.stdin)) obey(JSON.parse(line) as Order);
else await own(workerData as OpenOrder);
