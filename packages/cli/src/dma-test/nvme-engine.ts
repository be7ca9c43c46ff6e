import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { registersOf } from "@userpci/device-model/registers";
import {
  adminOpcode,
  COMMAND_SIZE,
  COMPLETION_SIZE,
  controllerLayout,
  DOORBELLS,
  IDENTIFY_SIZE,
  nvmeRegisters,
  readNumber,
} from "@userpci/nvme";
import { type DmaBuffer, type OwnedRegion, type PciDevice, PciError } from "userpci";
import { type DmaEngine, type DmaRound, firstChange, PAGE } from "./engine.ts";

/** Entries of both admin queues: each fits a page. */
const ENTRIES = 16;
/** CNS 01h: Identify Controller (NVM Express Base 2.0, figure 273). */
const IDENTIFY_CONTROLLER = 1;
/** CAP.TO counts in these milliseconds (NVM Express Base 2.0, section 3.1.3.1). */
const TIMEOUT_UNIT = 500;
/** Longest wait for one command, in milliseconds. */
const COMMAND_MS = 5000;

/** Pages of the one buffer that is used: queues, then the page that the controller writes between two that it must not. */
const page = { submissions: 0, completions: 1, data: 3, all: 5 } as const;

/** A controller writes its own description into memory (Identify): nothing on its disk is read or written. The controller is reset. */
export async function startNvmeEngine(device: PciDevice): Promise<DmaEngine> {
  device.config.command.update({ memory: true, busMaster: true });
  const region = device.bar(0).map();
  const memory = await device.dma.alloc(page.all * PAGE, { label: "dma test" });
  const controller = new Controller(device, region, memory);
  await controller.start();
  return {
    work: `writes its ${IDENTIFY_SIZE} bytes of Identify Controller`,
    round: () => controller.identify(),
    async [Symbol.asyncDispose]() {
      await controller.stop();
      await memory.close();
      region.close();
    },
  };
}

const registersIn = (region: OwnedRegion) => registersOf(nvmeRegisters, region);

/** As much of a driver as one command at a time takes. */
class Controller {
  readonly #device: PciDevice;
  readonly #region: OwnedRegion;
  readonly #registers: ReturnType<typeof registersIn>;
  readonly #memory: DmaBuffer;
  readonly #view: DataView;
  #commands = 0;

  constructor(device: PciDevice, region: OwnedRegion, memory: DmaBuffer) {
    this.#device = device;
    this.#region = region;
    this.#registers = registersIn(region);
    this.#memory = memory;
    this.#view = new DataView(memory.bytes.buffer, memory.bytes.byteOffset, memory.size);
  }

  /** Resets the controller, and tells where its admin queues are (NVM Express Base 2.0, section 3.5.1). */
  async start(): Promise<void> {
    const { AQA, ASQ, ACQ, CC } = this.#registers;
    await this.stop();
    this.#memory.bytes.fill(0);
    AQA.write((ENTRIES - 1) | ((ENTRIES - 1) << 16));
    ASQ.write(this.#iova(page.submissions));
    ACQ.write(this.#iova(page.completions));
    CC.set({ EN: 1, IOSQES: 6, IOCQES: 4 });
    await this.#ready(1);
  }

  async stop(): Promise<void> {
    this.#registers.CC.set({ EN: 0 });
    await this.#ready(0);
  }

  async identify(): Promise<DmaRound> {
    const { bytes } = this.#memory;
    const from = (page.data - 1) * PAGE;
    const surroundings = randomBytes(3 * PAGE);
    bytes.set(surroundings, from);
    const started = performance.now();
    const status = await this.#perform();
    const durationMs = performance.now() - started;
    const written = bytes.subarray(from, from + 3 * PAGE);
    const fault =
      status === 0
        ? this.#faultOf(written, surroundings)
        : `the controller refused it with status 0x${status.toString(16)}`;
    return { bytes: IDENTIFY_SIZE, durationMs, fault };
  }

  #faultOf(written: Uint8Array, surroundings: Uint8Array): string | null {
    const before = firstChange(written.subarray(0, PAGE), surroundings.subarray(0, PAGE));
    if (before !== null) return `the controller changed the page before its own, at byte ${before}`;
    const behind = firstChange(written.subarray(2 * PAGE), surroundings.subarray(2 * PAGE));
    if (behind !== null) return `the controller changed the page behind its own, at byte ${behind}`;
    const vendor = Number(readNumber(written.subarray(PAGE, 2 * PAGE), controllerLayout.VID));
    const { vendorId } = this.#device.config;
    return vendor === vendorId
      ? null
      : `it says vendor 0x${vendor.toString(16)}, and configuration space 0x${vendorId.toString(16)}`;
  }

  /** Puts the command into its place, rings, and waits for the completion of its turn. @returns status, 0 for success */
  async #perform(): Promise<number> {
    const turn = this.#commands++;
    const slot = turn % ENTRIES;
    const view = this.#view;
    const at = page.submissions * PAGE + slot * COMMAND_SIZE;
    new Uint8Array(view.buffer, view.byteOffset + at, COMMAND_SIZE).fill(0);
    view.setUint32(at, adminOpcode.IDENTIFY | ((turn & 0xffff) << 16), true);
    view.setBigUint64(at + 0x18, this.#iova(page.data), true);
    view.setUint32(at + 0x28, IDENTIFY_CONTROLLER, true);
    const next = (slot + 1) % ENTRIES;
    this.#region.write32(DOORBELLS, next);
    const status = page.completions * PAGE + slot * COMPLETION_SIZE + 0x0e;
    // Inverted with every pass over the queue; the first sets it.
    const phase = Math.floor(turn / ENTRIES) % 2 === 0 ? 1 : 0;
    await this.#until("Identify", COMMAND_MS, () => (view.getUint16(status, true) & 1) === phase);
    this.#region.write32(DOORBELLS + this.#stride(), next);
    return view.getUint16(status, true) >>> 1;
  }

  /** From a submission queue's doorbell to the completion queue's, in bytes. */
  #stride(): number {
    return 4 << Number(this.#registers.CAP.get("DSTRD"));
  }

  async #ready(wanted: number): Promise<void> {
    const longest = Math.max(1, Number(this.#registers.CAP.get("TO"))) * TIMEOUT_UNIT;
    await this.#until(`CSTS.RDY = ${wanted}`, longest, () => this.#registers.CSTS.get("RDY") === wanted);
  }

  async #until(what: string, longest: number, holds: () => boolean): Promise<void> {
    const deadline = performance.now() + longest;
    while (!holds()) {
      if (performance.now() > deadline) {
        throw new PciError(
          "ERR_TIMEOUT",
          `${this.#device.address} did not come to ${what} in ${longest} ms`,
          {
            hint: "was its DMA stopped? sudo dmesg | grep -i dmar; CSTS tells: userpci mem read ADDRESS 0 CSTS",
          },
        );
      }
      this.#device.relax();
      await setImmediate();
    }
  }

  #iova(number: number): bigint {
    return this.#memory.iova + BigInt(number * PAGE);
  }
}
