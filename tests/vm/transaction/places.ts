import { at } from "../machines.ts";

/** Functions that are bound by the process that is killed, each at another point: before or after a change of the kernel's. */
export const killedAt: readonly {
  readonly address: string;
  /** The change: 0 `driver_override`, 1 the driver's `unbind`, 2 `drivers_probe`, 3 the owner of the group's node. */
  readonly change: number;
  readonly when: "before" | "after";
  /** What the journal says then. */
  readonly step: "override" | "release" | "probe" | "verify" | "permit";
}[] = [
  { address: at.edu, change: 0, when: "before", step: "override" },
  { address: at.wideEdu, change: 0, when: "after", step: "override" },
  { address: at.usb, change: 1, when: "before", step: "release" },
  { address: at.nvme, change: 1, when: "after", step: "release" },
  { address: at.pairedEdu, change: 2, when: "before", step: "probe" },
  { address: at.pairedE1000, change: 2, when: "after", step: "probe" },
  { address: at.e1000e, change: 3, when: "after", step: "permit" },
];
