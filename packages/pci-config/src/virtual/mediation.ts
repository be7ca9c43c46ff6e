import type { Region } from "@userpci/interface";
import { msi as msiCapability } from "../capabilities/msi.ts";
import { pcie as pcieCapability } from "../capabilities/pcie.ts";
import { pm } from "../capabilities/pm.ts";
import { advancedFeatures, vpdAddress, vpd as vpdCapability } from "../capabilities/small.ts";
import { commonHeader, type0Header } from "../header.ts";
import { fieldAt, rawAt } from "../register.ts";
import { endOf, fieldOf, withField } from "../table.ts";
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

const command: Mediation = ({ kept, provider, restoreBars }, write, store) => {
  if (touches(write, commonHeader.command.offset)) restoreBars();
  const disabled = (): number => fieldAt(kept, 0, commonHeader.command, "interruptDisable");
  const before = disabled();
  store();
  const after = disabled();
  if (before !== after) provider.setInterruptDisable(after !== 0);
};

const { control: powerControl } = pm.registers;

const power: Mediation = ({ provider }, write, store) => {
  store();
  const { offset, fields } = powerControl;
  if (!touches(write, offset)) return;
  provider.setPowerState(fieldOf(fields.powerState, write.value >>> (8 * (offset - write.offset))));
};

const { address: addressRegister, data: dataRegister } = vpdCapability.registers;

/** The flag flips when the transfer is done: a user who asked for what cannot be waits until its own deadline. */
const vpd: Mediation = ({ base, kept, provider }, write, store) => {
  store();
  const { address, flag } = vpdAddress;
  // The upper byte of the address holds the flag: writing it is what starts a transfer.
  if (!touches(write, endOf(addressRegister) - 1)) return;
  const register = rawAt(kept, base, addressRegister);
  const place = fieldOf(address, register);
  const isWrite = fieldOf(flag, register);
  if (isWrite === 1) {
    if (!provider.writeVpd(place, rawAt(kept, base, dataRegister))) return;
  } else {
    const value = provider.readVpd(place);
    if (value === undefined) return;
    kept.write32(base + dataRegister.offset, value);
  }
  kept.write16(base + addressRegister.offset, withField(flag, register, 1 - isWrite));
};

const { deviceCapabilities, deviceControl } = pcieCapability.registers;
/** Bytes of a payload or a request whose field is 0 (section 7.5.3.4). */
const LEAST_REQUEST = 128;

const pcie: Mediation = ({ base, kept, device, provider }, _write, store) => {
  const { functionLevelReset, maximumReadRequest } = deviceControl.fields;
  const before = rawAt(kept, base, deviceControl);
  store();
  const after = rawAt(kept, base, deviceControl);
  if (fieldOf(functionLevelReset, after) === 1) {
    kept.write16(base + deviceControl.offset, withField(functionLevelReset, after, 0));
    if (fieldAt(device, base, deviceCapabilities, "functionLevelReset") === 1) provider.reset();
  }
  const request = fieldOf(maximumReadRequest, after);
  if (request === fieldOf(maximumReadRequest, before)) return;
  const payload = fieldAt(device, base, deviceControl, "maximumPayload");
  provider.setMaximumReadRequest(LEAST_REQUEST << Math.max(request, payload));
};

const { capabilities: resetCapabilities, control: resetControl } = advancedFeatures.registers;

const reset: Mediation = ({ base, kept, device, provider }, _write, store) => {
  store();
  const { functionLevelReset } = resetControl.fields;
  const control = rawAt(kept, base, resetControl);
  if (fieldOf(functionLevelReset, control) === 0) return;
  kept.write8(base + resetControl.offset, withField(functionLevelReset, control, 0));
  const able = rawAt(device, base, resetCapabilities);
  const { transactionsPending, functionLevelReset: canReset } = resetCapabilities.fields;
  if (fieldOf(transactionsPending, able) === 1 && fieldOf(canReset, able) === 1) provider.reset();
};

const { control: msiControl } = msiCapability.registers;

const msi: Mediation = ({ base, kept, device, provider }, write, store) => {
  store();
  const { offset, fields } = msiControl;
  if (!touches(write, offset)) return;
  const { enable, multipleEnable } = fields;
  const vectors = provider.msiVectors();
  const limit = vectors > 1 ? Math.ceil(Math.log2(vectors)) : 0;
  let flags = rawAt(kept, base, msiControl);
  if (vectors === 0) flags = withField(enable, flags, 0);
  if (fieldOf(multipleEnable, flags) > limit) flags = withField(multipleEnable, flags, limit);
  kept.write16(base + offset, flags);
  device.write16(base + offset, flags);
};

/** Bytes from a structure's start that a mediation reads or writes. One that the end of the space cuts off gets none. */
export const mediationReach: Readonly<Record<MediationName, number>> = {
  command: endOf(commonHeader.command),
  power: endOf(powerControl),
  vpd: endOf(dataRegister),
  pcie: endOf(deviceControl),
  reset: endOf(resetControl),
  msi: endOf(msiControl),
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
