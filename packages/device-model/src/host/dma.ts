import { checkInteger, checkType, isPciError, MAX_IOVA, PciError } from "@userpci/interface";
import type { DmaRange, ModelDma, Task } from "../model.ts";
import type { DeviceConfig } from "./device-config.ts";
import type { DmaPort } from "./hosted-function.ts";

/** Bytes of one transfer: a bound on what one descriptor of a driver can make a model ask for. */
const MOST_BYTES = 64 * 1024 * 1024;

type Access = "read" | "write";

/** What a device's DMA goes through. */
export interface HostDmaOptions {
  readonly name: string;
  readonly port: DmaPort;
  readonly config: DeviceConfig;
  /** Addresses that it drives, in bits. */
  readonly addressBits: number;
}

/** DMA of a hosted device: with its bus mastering, within its address width, through its IOMMU. */
export class HostDma implements ModelDma {
  readonly #options: HostDmaOptions;

  constructor(options: HostDmaOptions) {
    this.#options = options;
  }

  view(iova: bigint, size: number, access: Access): Uint8Array<ArrayBuffer> | undefined {
    checkSize(size);
    const { port, config } = this.#options;
    if (!config.busMaster) return undefined;
    const { slices, fault } = port.translate(this.#driven(iova), size, directions[access]);
    const [slice] = slices;
    if (fault !== undefined || slices.length !== 1 || !(slice!.buffer instanceof ArrayBuffer))
      return undefined;
    return slice as Uint8Array<ArrayBuffer>;
  }

  *read(iova: bigint, target: Uint8Array): Task {
    yield* this.#move(iova, target, "read");
  }

  *write(iova: bigint, source: Uint8Array): Task {
    yield* this.#move(iova, source, "write");
  }

  *transfer(list: readonly DmaRange[], bytes: Uint8Array, access: Access): Task {
    let at = 0;
    for (const { iova, size } of list) {
      checkInteger("the size of a range", size, 0, bytes.length - at);
      yield* this.#move(iova, bytes.subarray(at, at + size), access);
      at += size;
    }
  }

  *#move(iova: bigint, bytes: Uint8Array, access: Access): Task {
    checkSize(bytes.length);
    if (bytes.length === 0) return;
    const { port, config } = this.#options;
    const start = this.#driven(iova);
    if (!config.busMaster) throw this.#fault(start, access, "bus mastering is off");
    const { slices, fault } = port.translate(start, bytes.length, directions[access]);
    let at = 0;
    for (const slice of slices) {
      if (access === "read") bytes.set(slice, at);
      else slice.set(bytes.subarray(at, at + slice.length));
      at += slice.length;
    }
    if (fault === undefined) return;
    const ask = access === "read" ? port.read : port.write;
    if (fault.reason === "direction")
      throw this.#fault(fault.iova, access, "it is mapped for the other direction only");
    if (ask === undefined || start + BigInt(bytes.length) - 1n > MAX_IOVA) {
      throw this.#fault(fault.iova, access, "nothing is mapped there");
    }
    yield* this.#ask(fault.iova, bytes.subarray(at), access);
  }

  /** Asks the owner of memory that is not mapped in this process. */
  *#ask(iova: bigint, bytes: Uint8Array, access: Access): Task {
    const { port } = this.#options;
    const answer =
      access === "read"
        ? port.read!(iova, bytes.length)
        : port.write!(iova, bytes.slice()).then(() => undefined);
    let outcome: { readonly data?: Uint8Array | undefined; readonly error?: unknown } = {};
    yield {
      begin(resume) {
        answer.then(
          (data) => {
            outcome = { data };
            resume();
          },
          (error: unknown) => {
            outcome = { error };
            resume();
          },
        );
      },
    };
    if ("error" in outcome) throw this.#fault(iova, access, reasonOf(outcome.error), outcome.error);
    if (outcome.data === undefined) return;
    if (outcome.data.length !== bytes.length) {
      throw this.#fault(iova, access, `${outcome.data.length} bytes came for ${bytes.length}`);
    }
    bytes.set(outcome.data);
  }

  /** As on hardware: address lines that a device does not have are 0. */
  #driven(iova: bigint): bigint {
    checkType("iova", iova, "bigint");
    return BigInt.asUintN(this.#options.addressBits, iova);
  }

  #fault(iova: bigint, access: Access, reason: string, cause?: unknown): PciError {
    const { config, name } = this.#options;
    config.noteMasterAbort();
    return new PciError("ERR_DMA_FAULT", `${name} cannot ${access} 0x${iova.toString(16)}: ${reason}`, {
      hint: hints[access],
      ...(cause !== undefined && { cause }),
    });
  }
}

const directions = { read: "to-device", write: "from-device" } as const;

const hints = {
  read: "let the driver turn bus mastering on, and map the memory to-device or bidirectional until the device is done",
  write:
    "let the driver turn bus mastering on, and map the memory from-device or bidirectional until the device is done",
} as const;

const reasonOf = (error: unknown): string =>
  isPciError(error) ? error.message : "its owner did not answer as it should";

function checkSize(size: number): void {
  checkInteger("bytes of one transfer", size, 0, MOST_BYTES);
}
