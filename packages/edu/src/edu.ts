import { type Registers, registersOf } from "@userpci/device-model/registers";
import {
  checkInteger,
  checkMethods,
  type DmaBuffer,
  type OwnedRegion,
  type PciDevice,
  PciError,
} from "userpci";
import { checkBuffer, checkCompletion, checkCopy, checkDeviceRange, checkWait } from "./arguments.ts";
import { type Completion, checkAborted, waitFor } from "./completion.ts";
import {
  BAR_SIZE,
  cause,
  deviceBuffer,
  dmaCommand,
  eduRegisters,
  IDENTIFICATION_MAGIC,
} from "./registers.ts";

/** PCI vendor and device id of edu. */
export const EDU_ID = "1234:11e8";

/** 12! is the largest factorial that fits the 32-bit register. */
const LARGEST_FACTORIAL = 12;

type EduRegisters = Registers<typeof eduRegisters.rows>;

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
  readonly #region: OwnedRegion;
  readonly #registers: EduRegisters;
  #completion: Completion | undefined;
  /** Settles, never rejects, when the device is free for the next task. */
  #free: Promise<unknown> = Promise.resolve();

  private constructor(device: PciDevice, region: OwnedRegion, registers: EduRegisters) {
    this.device = device;
    this.#region = region;
    this.#registers = registers;
  }

  /**
   * Takes hold of an edu: turns memory decode and bus mastering on, checks the identification, and acknowledges interrupts
   * that a former owner left. The device stays the caller's to close. A device that is no edu is left as it was.
   *
   * @param device open it with `{ dmaBits: DMA_BITS }`, so that DMA memory lies where edu can reach it
   * @throws PciError `ERR_NOT_SUPPORTED` if it is no edu, `ERR_INVALID_ARGUMENT` for what is no device
   */
  static attach(device: PciDevice): Edu {
    checkMethods("device", device, ["bar"], "pass what `await openDevice(address)` returned");
    const { command } = device.config;
    const before = command.raw;
    command.update({ memory: true });
    let region: OwnedRegion | undefined;
    try {
      region = device.bar(0).map();
      const registers = identified(device, region);
      // What a former owner left: edu has no reset.
      registers.INTERRUPT_ACKNOWLEDGE.write(registers.INTERRUPT_STATUS.read());
      command.update({ busMaster: true });
      return new Edu(device, region, registers);
    } catch (error) {
      region?.close();
      command.write(before);
      throw error;
    }
  }

  /** Version of the device, from its identification register. */
  get version(): { readonly major: number; readonly minor: number } {
    const { IDENTIFICATION } = this.#registers;
    return { major: IDENTIFICATION.get("MAJOR"), minor: IDENTIFICATION.get("MINOR") };
  }

  /**
   * Whether the device is alive: it must answer with the inverse of `value`.
   *
   * @param value any 32 bits
   */
  isAlive(value = 0x5aa5_1234): boolean {
    const { LIVENESS } = this.#registers;
    LIVENESS.write(value);
    return LIVENESS.read() === ~value >>> 0;
  }

  /**
   * Lets the device compute a factorial.
   *
   * @param n 0 to 12; 13! does not fit 32 bits
   * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`, `ERR_TIMEOUT`, `ERR_ABORTED`
   */
  factorial(n: number, options: WaitOptions = {}): Promise<number> {
    const { FACTORIAL, STATUS } = this.#registers;
    return this.#inTurn(async () => {
      checkInteger("n", n, 0, LARGEST_FACTORIAL);
      checkWait(options);
      const start = (interrupt: boolean): void => {
        STATUS.set({ INTERRUPT_WHEN_DONE: interrupt });
        FACTORIAL.write(n);
      };
      await this.#perform(this.#computation, start, options);
      return FACTORIAL.read();
    });
  }

  /** Causes of the pending interrupt, 32 bits; see {@link cause}. */
  get interruptStatus(): number {
    return this.#registers.INTERRUPT_STATUS.read();
  }

  /** Lets the device interrupt with the given causes, 32 bits. */
  raise(causes: number): void {
    this.#registers.INTERRUPT_RAISE.write(causes);
  }

  /** Takes causes away; with none left, INTx falls. */
  acknowledge(causes: number): void {
    this.#registers.INTERRUPT_ACKNOWLEDGE.write(causes);
  }

  /**
   * Waits by interrupt from now on. The caller enables the interrupt and hands over what tells of it.
   *
   * @param completion for example a vector of `device.irqs.enable("msi")`; undefined polls again
   * @throws PciError `ERR_INVALID_ARGUMENT` for what cannot be waited for
   */
  useInterrupts(completion: Completion | undefined): void {
    checkCompletion(completion);
    this.#completion = completion;
  }

  /**
   * Copies memory into the device's buffer by DMA.
   *
   * @param source memory that the device may read
   * @param size bytes, 1 to 4096
   * @param at offset into the device's buffer; default 0
   * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`, `ERR_TIMEOUT`, `ERR_ABORTED`
   */
  async copyIn(source: DmaBuffer, size = source?.size, at = 0, options: WaitOptions = {}): Promise<void> {
    checkBuffer("source", source);
    checkCopy(source, size, at);
    return this.copy(source.iova, BigInt(deviceBuffer.ADDRESS + at), size, 0, options);
  }

  /** Copies the device's buffer into memory by DMA; see {@link copyIn}. */
  async copyOut(target: DmaBuffer, size = target?.size, at = 0, options: WaitOptions = {}): Promise<void> {
    checkBuffer("target", target);
    checkCopy(target, size, at);
    return this.copy(BigInt(deviceBuffer.ADDRESS + at), target.iova, size, dmaCommand.FROM_DEVICE, options);
  }

  /**
   * One transfer with raw bus addresses. The device reports it done even when the IOMMU blocked it.
   *
   * @param source bus address, or address of the device's buffer if it comes `FROM_DEVICE`
   * @param target the other way round
   * @param size bytes, 1 to 4096
   * @param direction 0 into the device, `dmaCommand.FROM_DEVICE` out of it
   * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`, `ERR_TIMEOUT`, `ERR_ABORTED`
   */
  copy(
    source: bigint,
    target: bigint,
    size: number,
    direction: number,
    options: WaitOptions = {},
  ): Promise<void> {
    const registers = this.#registers;
    return this.#inTurn(() => {
      checkDeviceRange(direction === 0 ? target : source, size);
      checkWait(options);
      const start = (interrupt: boolean): void => {
        registers.DMA_SOURCE.write(source);
        registers.DMA_DESTINATION.write(target);
        registers.DMA_COUNT.write(BigInt(size));
        const fromDevice = direction === dmaCommand.FROM_DEVICE;
        registers.DMA_COMMAND.set({ START: true, FROM_DEVICE: fromDevice, INTERRUPT_WHEN_DONE: interrupt });
      };
      return this.#perform(this.#transfer, start, options);
    });
  }

  /** Unmaps the registers. The device stays open. */
  close(): void {
    this.#region.close();
  }

  /** {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Runs tasks one after the other: the device ignores what is written to it while it works. */
  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#free.then(task);
    this.#free = result.catch(() => undefined);
    return result;
  }

  /**
   * Starts one of the device's works and waits for its end, by interrupt if there is one to wait for. The cause is what
   * tells that the interrupt has come; that of a work that was given up may come late.
   */
  async #perform(work: Work, start: (interrupt: boolean) => void, options: WaitOptions): Promise<void> {
    const completion = this.#completion;
    const wait = { ...options, device: this.device, completion };
    checkAborted(work.name, options.signal);
    if (work.busy()) {
      await waitFor(`${work.name} that was given up`, () => !work.busy(), { ...wait, completion: undefined });
    }
    this.acknowledge(work.cause);
    start(completion !== undefined);
    const told = (): boolean => completion === undefined || (this.interruptStatus & work.cause) !== 0;
    await waitFor(work.name, () => !work.busy() && told(), wait);
    this.acknowledge(work.cause);
  }

  readonly #computation: Work = {
    name: "the factorial",
    cause: cause.FACTORIAL,
    busy: () => this.#registers.STATUS.get("COMPUTING") !== 0,
  };

  readonly #transfer: Work = {
    name: "the DMA transfer",
    cause: cause.DMA,
    busy: () => this.#registers.DMA_COMMAND.get("START") !== 0n,
  };
}

/** Something that the device does by itself once it is started. */
interface Work {
  /** For messages. */
  readonly name: string;
  /** Bit of its interrupt. */
  readonly cause: number;
  busy(): boolean;
}

/** The registers of what identifies as an edu. */
function identified(device: PciDevice, region: OwnedRegion): EduRegisters {
  if (region.size !== BAR_SIZE) throw noEdu(device, `has ${region.size} bytes in BAR 0`);
  const registers = registersOf(eduRegisters, region);
  const id = registers.IDENTIFICATION.read();
  if ((id & 0xffff) === IDENTIFICATION_MAGIC) return registers;
  throw noEdu(device, `identifies as 0x${id.toString(16)}`);
}

function noEdu(device: PciDevice, why: string): PciError {
  return new PciError("ERR_NOT_SUPPORTED", `${device.address} ${why}, which is no edu`, {
    hint: `userpci list --id ${EDU_ID} shows the edu devices of this machine`,
  });
}
