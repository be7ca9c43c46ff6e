import type { Region } from "@userpci/interface";
import { type0Header } from "../header.ts";
import type { Provider } from "./device.ts";
import type { MediationName } from "./rule.ts";

/** A write to a structure, as it is done: one access that does not leave the structure. */
export interface StructureWrite {
  /** Bytes from the start of the structure. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  readonly value: number;
}

/** What a mediation works with. */
export interface MediationContext {
  /** First byte of the structure. */
  readonly base: number;
  /** The bits kept for the user. */
  readonly kept: Region;
  readonly device: Region;
  readonly provider: Provider;
  /** Undoes what a reset behind the provider's back did to the BARs. */
  readonly restoreBars: () => void;
}

/** Does a write, and what belongs to it. `store` does what the masks say. */
export type Mediation = (context: MediationContext, write: StructureWrite, store: () => void) => void;

const touches = ({ offset, size }: StructureWrite, byte: number): boolean =>
  offset <= byte && byte < offset + size;

const COMMAND = 0x04;
const INTERRUPT_DISABLE = 0x0400;

const command: Mediation = ({ kept, provider, restoreBars }, write, store) => {
  if (touches(write, COMMAND)) restoreBars();
  const before = kept.read16(COMMAND) & INTERRUPT_DISABLE;
  store();
  const after = kept.read16(COMMAND) & INTERRUPT_DISABLE;
  if (before !== after) provider.setInterruptDisable(after !== 0);
};

const POWER_CONTROL = 4;

const power: Mediation = ({ provider }, write, store) => {
  store();
  if (touches(write, POWER_CONTROL))
    provider.setPowerState((write.value >>> (8 * (POWER_CONTROL - write.offset))) & 3);
};

const VPD_ADDRESS = 2;
const VPD_DATA = 4;
const VPD_FLAG = 0x8000;

/** The flag flips when the transfer is done: a user who asked for what cannot be waits until its own deadline. */
const vpd: Mediation = ({ base, kept, provider }, write, store) => {
  store();
  if (!touches(write, VPD_ADDRESS + 1)) return;
  const register = kept.read16(base + VPD_ADDRESS);
  const address = register & ~VPD_FLAG;
  if ((register & VPD_FLAG) !== 0) {
    if (!provider.writeVpd(address, kept.read32(base + VPD_DATA))) return;
  } else {
    const value = provider.readVpd(address);
    if (value === undefined) return;
    kept.write32(base + VPD_DATA, value);
  }
  kept.write16(base + VPD_ADDRESS, register ^ VPD_FLAG);
};

const DEVICE_CAPABILITIES = 4;
const FLR_CAPABLE = 0x1000_0000;
const DEVICE_CONTROL = 8;
const FLR = 0x8000;
const PAYLOAD = 0x00e0;
const READ_REQUEST = 0x7000;

const pcie: Mediation = ({ base, kept, device, provider }, _write, store) => {
  const at = base + DEVICE_CONTROL;
  const before = kept.read16(at);
  store();
  const after = kept.read16(at);
  if ((after & FLR) !== 0) {
    kept.write16(at, after & ~FLR);
    if ((device.read32(base + DEVICE_CAPABILITIES) & FLR_CAPABLE) !== 0) provider.reset();
  }
  if (((before ^ after) & READ_REQUEST) === 0) return;
  const payload = 128 << ((device.read16(at) & PAYLOAD) >>> 5);
  provider.setMaximumReadRequest(Math.max(128 << ((after & READ_REQUEST) >>> 12), payload));
};

const AF_CAPABILITIES = 3;
const AF_CONTROL = 4;
const AF_RESET = 1;
const AF_RESETTABLE = 0b11;

const reset: Mediation = ({ base, kept, device, provider }, _write, store) => {
  store();
  const control = kept.read8(base + AF_CONTROL);
  if ((control & AF_RESET) === 0) return;
  kept.write8(base + AF_CONTROL, control & ~AF_RESET);
  if ((device.read8(base + AF_CAPABILITIES) & AF_RESETTABLE) === AF_RESETTABLE) provider.reset();
};

const MSI_CONTROL = 2;
const MSI_ENABLE = 0x0001;
const MSI_COUNT = 0x0070;

const msi: Mediation = ({ base, kept, device, provider }, write, store) => {
  store();
  if (!touches(write, MSI_CONTROL)) return;
  const vectors = provider.msiVectors();
  const limit = vectors > 1 ? Math.ceil(Math.log2(vectors)) : 0;
  let flags = kept.read16(base + MSI_CONTROL);
  if (vectors === 0) flags &= ~MSI_ENABLE;
  if ((flags & MSI_COUNT) >>> 4 > limit) flags = (flags & ~MSI_COUNT) | (limit << 4);
  kept.write16(base + MSI_CONTROL, flags);
  device.write16(base + MSI_CONTROL, flags);
};

/** Bytes from a structure's start that a mediation reads or writes. One that the end of the space cuts off gets none. */
export const mediationReach: Readonly<Record<MediationName, number>> = {
  command: COMMAND + 2,
  power: POWER_CONTROL + 2,
  vpd: VPD_DATA + 4,
  pcie: DEVICE_CONTROL + 2,
  reset: AF_CONTROL + 1,
  msi: MSI_CONTROL + 2,
};

/** What is done beside storing bits, by name. */
export const mediations: Readonly<Record<MediationName, Mediation>> = {
  command,
  power,
  vpd,
  pcie,
  reset,
  msi,
};

const bars = [0, 1, 2, 3, 4, 5].map((index) => type0Header.bar0.offset + 4 * index);

/** Notes the device's BARs, and gives a function that writes them back where they changed. */
export function barRestorer(device: Region): () => void {
  const offsets = [...bars, type0Header.rom.offset];
  const values = offsets.map((offset) => device.read32(offset));
  const changed = (offset: number, index: number): boolean =>
    values[index] !== 0 && device.read32(offset) !== values[index];
  return () => {
    if (!bars.some(changed)) return;
    for (const [index, offset] of offsets.entries()) device.write32(offset, values[index]!);
  };
}
