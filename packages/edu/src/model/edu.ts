import type { DeviceModel, ModelConfig } from "@userpci/device-model";
import { checkInteger, checkNames, checkType } from "@userpci/interface";
import { BAR_SIZE, DMA_BITS, eduRegisters } from "../registers.ts";
import { EduInstance } from "./instance.ts";
import { LONGEST_US } from "./state.ts";

/** How a modelled edu differs from QEMU's as it is without options. */
export interface EduOptions {
  /** The widest address that it drives, 12 to 64 bits; QEMU's `dma_mask`. Default 28. */
  readonly addressBits?: number;
  /** What a factorial takes, in microseconds, at most a minute. Default 10. */
  readonly factorialUs?: number;
  /** What a transfer takes, in microseconds, at most a minute. Default 10; QEMU's takes 100,000. */
  readonly transferUs?: number;
}

const DEFAULT_US = 10;

/** As QEMU's (hw/misc/edu.c), with the ids of the subsystem that QEMU gives every device. */
const config: ModelConfig = {
  vendorId: 0x1234,
  deviceId: 0x11e8,
  revisionId: 0x10,
  classCode: 0x00ff00,
  subsystemVendorId: 0x1af4,
  subsystemId: 0x1100,
  interruptPin: 1,
  capabilities: [{ name: "msi", offset: 0x40, registers: { control: { address64: true } } }],
};

/**
 * A device that does what QEMU's edu does, register by register and access by access (QEMU 10, hw/misc/edu.c and
 * docs/specs/edu.rst): factorials, interrupts by MSI or INTx, and DMA through a buffer of 4 KiB. It can be migrated, also in the
 * middle of a transfer.
 *
 * @throws PciError `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARGUMENT`
 */
export function edu(options: EduOptions = {}): DeviceModel {
  checkType("the options of edu", options, "object");
  const { addressBits = DMA_BITS, factorialUs = DEFAULT_US, transferUs = DEFAULT_US } = options;
  const times = { factorialUs, transferUs };
  checkNames("edu", options, { addressBits, ...times });
  checkInteger("addressBits", addressBits, 12, 64);
  checkInteger("factorialUs", factorialUs, 0, LONGEST_US);
  checkInteger("transferUs", transferUs, 0, LONGEST_US);
  return {
    name: "edu",
    config,
    bars: { 0: { kind: "memory32", size: BAR_SIZE, registers: eduRegisters } },
    addressBits,
    create: (device) => new EduInstance(device, times),
  };
}
