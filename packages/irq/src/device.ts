import type { BackendDevice, IrqKind } from "@userpci/interface";

/** The part of a {@link BackendDevice} that interrupts need. */
export type IrqDevice = Pick<
  BackendDevice,
  | "address"
  | "irqInfo"
  | "createIrqTarget"
  | "setIrqs"
  | "disableIrqs"
  | "maskIrqs"
  | "unmaskIrqs"
  | "setUnmaskTarget"
  | "triggerIrqs"
>;

/** The part that a vector needs which only reads. */
export type VectorDevice = Pick<IrqDevice, "address" | "maskIrqs" | "unmaskIrqs" | "triggerIrqs">;

/** Names of the kinds in messages. */
export const kindNames: Readonly<Record<IrqKind, string>> = {
  intx: "INTx",
  msi: "MSI",
  msix: "MSI-X",
  err: "ERR",
  req: "REQ",
};
