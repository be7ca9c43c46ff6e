import { checkInteger, type DmaBuffer, type OwnedRegion, type PciDevice, PciError } from "userpci";
import { type Completion, waitFor } from "./completion.ts";
import { cause, deviceBuffer, dmaCommand, IDENTIFICATION_MAGIC, register, status } from "./registers.ts";

/** PCI vendor and device id of edu. */
export const EDU_ID = "1234:11e8";

/** 12! is the largest factorial that fits the 32-bit register. */
const LARGEST_FACTORIAL = 12;

/** How a call that waits for the device may wait. */
export interface WaitOptions {
  /** Longest wait in milliseconds. Default 2000. */
  readonly timeoutMs?: number;
  /** Ends the wait early. */
  readonly signal?: AbortSignal;
}

/**
 * Driver for QEMU's teaching device `edu` (docs/specs/edu.rst): factorials, interrupts and DMA through a buffer of 4 KiB in
 * the device. It works with interrupts (`useInterrupts`) and, before that, by polling.
 */
export class Edu implements Disposable {
  readonly device: PciDevice;
  readonly #registers: OwnedRegion;
  #completion: Completion | undefined;

  private constructor(device: PciDevice, registers: OwnedRegion) {
    this.device = device;
    this.#registers = registers;
  }

  /**
   * Takes hold of an edu: turns memory decode and bus mastering on and checks the identification. The device stays the
   * caller's to close.
   *
   * @param device open it with `{ dmaBits: DMA_BITS }`, so that DMA memory lies where edu can reach it
   * @throws PciError `ERR_NOT_SUPPORTED` if it is no edu
   */
  static attach(device: PciDevice): Edu {
    device.config.command.update({ memory: true, busMaster: true });
    const registers = device.bar(0).map();
    const id = registers.read32(register.IDENTIFICATION);
    if ((id & 0xffff) !== IDENTIFICATION_MAGIC) {
      registers.close();
      throw new PciError(
        "ERR_NOT_SUPPORTED",
        `${device.address} identifies as 0x${id.toString(16)}, which is no edu`,
        {
          hint: `userpci list --id ${EDU_ID} shows the edu devices of this machine`,
        },
      );
    }
    return new Edu(device, registers);
  }

  /** Version of the device, from its identification register. */
  get version(): { readonly major: number; readonly minor: number } {
    const id = this.#registers.read32(register.IDENTIFICATION);
    return { major: id >>> 24, minor: (id >>> 16) & 0xff };
  }

  /**
   * Whether the device is alive: it must answer with the inverse of `value`.
   *
   * @param value any 32 bits
   */
  isAlive(value = 0x5aa5_1234): boolean {
    this.#registers.write32(register.LIVENESS, value);
    return this.#registers.read32(register.LIVENESS) === ~value >>> 0;
  }

  /**
   * Lets the device compute a factorial.
   *
   * @param n 0 to 12; 13! does not fit 32 bits
   * @throws PciError `ERR_OUT_OF_RANGE`, `ERR_TIMEOUT`, `ERR_ABORTED`
   */
  async factorial(n: number, options: WaitOptions = {}): Promise<number> {
    checkInteger("n", n, 0, LARGEST_FACTORIAL);
    const registers = this.#registers;
    registers.write32(register.STATUS, this.#completion === undefined ? 0 : status.INTERRUPT_WHEN_DONE);
    registers.write32(register.FACTORIAL, n);
    await this.#finish("the factorial", cause.FACTORIAL, options, () => {
      return (registers.read32(register.STATUS) & status.COMPUTING) === 0;
    });
    return registers.read32(register.FACTORIAL);
  }

  /** Causes of the pending interrupt, 32 bits; see {@link cause}. */
  get interruptStatus(): number {
    return this.#registers.read32(register.INTERRUPT_STATUS);
  }

  /** Lets the device interrupt with the given causes, 32 bits. */
  raise(causes: number): void {
    this.#registers.write32(register.INTERRUPT_RAISE, causes);
  }

  /** Takes causes away; with none left, INTx falls. */
  acknowledge(causes: number): void {
    this.#registers.write32(register.INTERRUPT_ACKNOWLEDGE, causes);
  }

  /**
   * Waits by interrupt from now on. The caller enables the interrupt and hands over what tells of it.
   *
   * @param completion for example a vector of `device.irqs.enable("msi")`; undefined polls again
   */
  useInterrupts(completion: Completion | undefined): void {
    this.#completion = completion;
  }

  /**
   * Copies memory into the device's buffer by DMA.
   *
   * @param source memory that the device may read
   * @param size bytes, 1 to 4096
   * @param at offset into the device's buffer; default 0
   * @throws PciError `ERR_OUT_OF_RANGE`, `ERR_TIMEOUT`, `ERR_ABORTED`
   */
  copyIn(source: DmaBuffer, size = source.size, at = 0, options: WaitOptions = {}): Promise<void> {
    checkInteger("size", size, 1, Math.min(source.size, deviceBuffer.SIZE - at));
    return this.copy(source.iova, BigInt(deviceBuffer.ADDRESS + at), size, 0, options);
  }

  /** Copies the device's buffer into memory by DMA; see {@link copyIn}. */
  copyOut(target: DmaBuffer, size = target.size, at = 0, options: WaitOptions = {}): Promise<void> {
    checkInteger("size", size, 1, Math.min(target.size, deviceBuffer.SIZE - at));
    return this.copy(BigInt(deviceBuffer.ADDRESS + at), target.iova, size, dmaCommand.FROM_DEVICE, options);
  }

  /**
   * One transfer with raw bus addresses. The device reports it done even when the IOMMU blocked it.
   *
   * @param direction 0 into the device, `dmaCommand.FROM_DEVICE` out of it
   */
  async copy(
    source: bigint,
    target: bigint,
    size: number,
    direction: number,
    options: WaitOptions = {},
  ): Promise<void> {
    const registers = this.#registers;
    const interrupt = this.#completion === undefined ? 0 : dmaCommand.INTERRUPT_WHEN_DONE;
    registers.write64(register.DMA_SOURCE, source);
    registers.write64(register.DMA_DESTINATION, target);
    registers.write32(register.DMA_COUNT, size);
    registers.write32(register.DMA_COMMAND, dmaCommand.START | direction | interrupt);
    await this.#finish("the DMA transfer", cause.DMA, options, () => {
      return (registers.read32(register.DMA_COMMAND) & dmaCommand.START) === 0;
    });
  }

  /** Unmaps the registers. The device stays open. */
  close(): void {
    this.#registers.close();
  }

  /** {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Waits until `done`, and acknowledges the interrupt that told of it. */
  async #finish(what: string, bit: number, options: WaitOptions, done: () => boolean): Promise<void> {
    await waitFor(what, done, { ...options, device: this.device, completion: this.#completion });
    if (this.#completion !== undefined) this.acknowledge(bit);
  }
}
