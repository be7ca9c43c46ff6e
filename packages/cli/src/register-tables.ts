import { EDU_ID, eduRegisters } from "@userpci/edu";
import { NIC_ID, nicRegisters } from "@userpci/nic";
import { nvmeRegisters } from "@userpci/nvme";
import type { BarTables, OpenedDevice } from "userpci/trace";

/** What names the registers of a device that is known here. */
interface KnownDevice {
  readonly name: string;
  /** Vendor and device. */
  readonly id?: string;
  /** Class, subclass and programming interface. */
  readonly class?: string;
  readonly tables: BarTables;
}

/** Class of NVM Express controllers (PCI Code and ID Assignment Specification, 1.9). */
const NVME_CLASS = "010802";

const known: readonly KnownDevice[] = [
  { name: "edu", id: EDU_ID, tables: { 0: eduRegisters } },
  { name: "nic", id: NIC_ID, tables: { 0: nicRegisters } },
  { name: "nvme", class: NVME_CLASS, tables: { 0: nvmeRegisters } },
];

/** The registers of a device by BAR, if it is one of those that drivers of this project know. */
export function tablesOf(device: Pick<OpenedDevice, "id" | "class">): BarTables | undefined {
  return known.find(
    ({ id, class: kind }) =>
      (id !== undefined && id === device.id) || (kind !== undefined && kind === device.class),
  )?.tables;
}
