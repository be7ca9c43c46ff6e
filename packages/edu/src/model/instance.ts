import type { ModelDevice, ModelInstance, Task } from "@userpci/device-model";
import { registerBank } from "@userpci/device-model/registers";
import { isPciError } from "@userpci/interface";
import { cause, deviceBuffer, dmaCommand, eduRegisters } from "../registers.ts";
import { EduAccess } from "./access.ts";
import { loadState, saveState } from "./state.ts";

/** What edu's works take, in microseconds. */
export interface EduLatency {
  readonly factorialUs: number;
  readonly transferUs: number;
}

const START = BigInt(dmaCommand.START);

/** n! is a multiple of 2^32 from here on: so many factors 2 have come together. */
const FACTORIAL_IS_ZERO = 34;

/** Memory is given and refused to a device in pages of 4 KiB. */
const PAGE = 4096;

/** An edu that is switched on. */
export class EduInstance implements ModelInstance {
  readonly bars: Readonly<Record<0, EduAccess>>;
  readonly #device: ModelDevice;
  readonly #latency: EduLatency;
  readonly #buffer = new Uint8Array(deviceBuffer.SIZE);
  /** When the works under way end, by the device's clock. */
  readonly #due = { factorial: 0, transfer: 0 };

  readonly #bank = registerBank(
    eduRegisters,
    {
      LIVENESS: { write: (value) => this.#bank.set("LIVENESS", ~value) },
      FACTORIAL: { write: (_value, former) => this.#writeFactorial(former) },
      INTERRUPT_RAISE: { write: (causes) => this.#raise(causes) },
      INTERRUPT_ACKNOWLEDGE: { write: (causes) => this.#acknowledge(causes) },
      DMA_SOURCE: { write: (_value, former) => this.#keepIfBusy("DMA_SOURCE", former) },
      DMA_DESTINATION: { write: (_value, former) => this.#keepIfBusy("DMA_DESTINATION", former) },
      DMA_COUNT: { write: (_value, former) => this.#keepIfBusy("DMA_COUNT", former) },
      DMA_COMMAND: { write: (value, former) => this.#writeCommand(value, former) },
    },
    { unclaimed: 0xffff_ffff },
  );

  constructor(device: ModelDevice, latency: EduLatency) {
    this.#device = device;
    this.#latency = latency;
    this.bars = { 0: new EduAccess(this.#bank) };
  }

  reset(): void {
    this.#bank.reset();
    this.#buffer.fill(0);
    this.#device.interrupts.setLine(false);
  }

  save(): Uint8Array {
    const now = this.#device.time.now();
    return saveState({
      factorialUs: Math.max(0, this.#due.factorial - now),
      transferUs: Math.max(0, this.#due.transfer - now),
      buffer: this.#buffer,
      registers: this.#bank.save(),
    });
  }

  load(bytes: Uint8Array): void {
    const state = loadState(bytes);
    this.#bank.load(state.registers);
    this.#buffer.set(state.buffer);
    if (this.#computing) this.#startFactorial(state.factorialUs);
    if (this.#transferring) this.#startTransfer(state.transferUs);
  }

  get #computing(): boolean {
    return this.#bank.field("STATUS", "COMPUTING") !== 0;
  }

  get #transferring(): boolean {
    return this.#bank.field("DMA_COMMAND", "START") !== 0n;
  }

  #raise(causes: number): void {
    const all = this.#bank.get("INTERRUPT_STATUS") | causes;
    this.#bank.set("INTERRUPT_STATUS", all);
    if (all === 0) return;
    const { interrupts } = this.#device;
    if (interrupts.mode === "msi") interrupts.signal(0);
    else interrupts.setLine(true);
  }

  #acknowledge(causes: number): void {
    const left = this.#bank.get("INTERRUPT_STATUS") & ~causes;
    this.#bank.set("INTERRUPT_STATUS", left);
    const { interrupts } = this.#device;
    if (left === 0 && interrupts.mode !== "msi") interrupts.setLine(false);
  }

  #writeFactorial(former: number): void {
    if (this.#computing) {
      this.#bank.set("FACTORIAL", former);
      return;
    }
    this.#bank.update("STATUS", { COMPUTING: true });
    this.#startFactorial(this.#latency.factorialUs);
  }

  #startFactorial(us: number): void {
    this.#due.factorial = this.#device.time.now() + us;
    this.#device.run(this.#compute(us));
  }

  *#compute(us: number): Task {
    yield* this.#device.time.sleep(us);
    this.#bank.set("FACTORIAL", factorial32(this.#bank.get("FACTORIAL")));
    this.#bank.update("STATUS", { COMPUTING: false });
    if (this.#bank.field("STATUS", "INTERRUPT_WHEN_DONE") !== 0) this.#raise(cause.FACTORIAL);
  }

  #keepIfBusy(name: "DMA_SOURCE" | "DMA_DESTINATION" | "DMA_COUNT", former: bigint): void {
    if (this.#transferring) this.#bank.set(name, former);
  }

  #writeCommand(value: bigint, former: bigint): void {
    if ((former & START) !== 0n || (value & START) === 0n) this.#bank.set("DMA_COMMAND", former);
    else this.#startTransfer(this.#latency.transferUs);
  }

  #startTransfer(us: number): void {
    this.#due.transfer = this.#device.time.now() + us;
    this.#device.run(this.#transfer(us));
  }

  /** One that leaves the buffer never ends, and only a reset helps; which of QEMU's does what then depends on its version. */
  *#transfer(us: number): Task {
    yield* this.#device.time.sleep(us);
    const fromDevice = this.#bank.field("DMA_COMMAND", "FROM_DEVICE") !== 0n;
    const [source, target] = [this.#bank.get("DMA_SOURCE"), this.#bank.get("DMA_DESTINATION")];
    const inside = (fromDevice ? source : target) - BigInt(deviceBuffer.ADDRESS);
    const size = this.#bank.get("DMA_COUNT");
    if (inside < 0n || inside + size > BigInt(deviceBuffer.SIZE)) return;
    const part = this.#buffer.subarray(Number(inside), Number(inside + size));
    yield* this.#move(part, fromDevice ? target : source, fromDevice);
    this.#bank.update("DMA_COMMAND", { START: false });
    if (this.#bank.field("DMA_COMMAND", "INTERRUPT_WHEN_DONE") !== 0n) this.#raise(cause.DMA);
  }

  /** Page by page: what the IOMMU stops reads 0 or goes nowhere, and nobody is told. */
  *#move(part: Uint8Array, iova: bigint, fromDevice: boolean): Task {
    const { dma } = this.#device;
    for (let at = 0; at < part.length; ) {
      const address = iova + BigInt(at);
      const size = Math.min(part.length - at, PAGE - Number(address % BigInt(PAGE)));
      const bytes = part.subarray(at, at + size);
      try {
        yield* fromDevice ? dma.write(address, bytes) : dma.read(address, bytes);
      } catch (error) {
        if (!isPciError(error, "ERR_DMA_FAULT")) throw error;
        if (!fromDevice) bytes.fill(0);
      }
      at += size;
    }
  }
}

/** n! modulo 2^32. */
function factorial32(n: number): number {
  let result = 1;
  for (let factor = 2; factor <= Math.min(n, FACTORIAL_IS_ZERO); factor++) result = Math.imul(result, factor);
  return result >>> 0;
}
