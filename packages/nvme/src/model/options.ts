import { checkAligned, checkInteger, checkNames, checkType, formatValue, PciError } from "@userpci/interface";

/** How {@link nvme} may be asked. */
export interface NvmeOptions {
  /** Bytes of the disk, a multiple of the block. What was never written takes no memory. Default 64 MiB; at most 1 TiB. */
  readonly size?: number;
  /** Bytes of a logical block. Default 512. */
  readonly blockSize?: 512 | 4096;
  /** Serial number, up to 20 letters of ASCII; the names of the subsystem and the namespace follow from it, so give two controllers of one machine different ones. */
  readonly serial?: string;
  /** I/O queue pairs, 1 to 255, each of which may have an interrupt vector of its own. Default 8. */
  readonly queues?: number;
  /** Most entries of a queue, 2 to 65536. Default 1024. */
  readonly entries?: number;
  /**
   * `trapped`, the default: the model is told of each write to a doorbell. `mapped`: the doorbells are memory that drivers map, and
   * the model looks for what they wrote: writing costs nothing, but somebody has to look all the time.
   */
  readonly doorbells?: "trapped" | "mapped";
  /** Microseconds that each command of an I/O queue takes; those of one queue one after the other. Default 0. */
  readonly latency?: number;
}

/** The options, all of them. */
export type NvmeSettings = Required<NvmeOptions>;

const MIB = 2 ** 20;

/** Bytes of the largest disk. */
const LARGEST = 2 ** 40;

/** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`, `ERR_MISALIGNED` */
export function settingsOf(options: NvmeOptions): NvmeSettings {
  checkType("the options of nvme", options, "object");
  const {
    size = 64 * MIB,
    blockSize = 512,
    serial = "USERPCI0",
    queues = 8,
    entries = 1024,
    doorbells = "trapped",
    latency = 0,
  } = options;
  const settings = { size, blockSize, serial, queues, entries, doorbells, latency };
  checkNames("nvme", options, settings);
  if (blockSize !== 512 && blockSize !== 4096) {
    throw refusal(`a block of ${formatValue(blockSize)} bytes`, "give 512 or 4096 for blockSize");
  }
  checkAligned("size", checkInteger("size", size, blockSize, LARGEST), blockSize);
  checkType("serial", serial, "string");
  if (!/^[!-~]{1,20}$/.test(serial)) {
    throw refusal(
      `the serial number ${JSON.stringify(serial)}`,
      "give 1 to 20 letters of ASCII without spaces",
    );
  }
  if (doorbells !== "trapped" && doorbells !== "mapped") {
    throw refusal(`doorbells that are ${formatValue(doorbells)}`, "give trapped or mapped for doorbells");
  }
  checkInteger("queues", queues, 1, 255);
  checkInteger("entries", entries, 2, 65_536);
  checkInteger("latency", latency, 0, 10_000_000);
  return settings;
}

function refusal(what: string, hint: string): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", `nvme cannot have ${what}`, { hint });
}
