import type { DeviceModel } from "@userpci/device-model";
import { edu } from "@userpci/edu/model";
import { nvme } from "@userpci/nvme/model";
import type { servedAt } from "../places.ts";

/** As long as QEMU's takes: tests give transfers up that are under way. */
const transferUs = 100_000;

/** What is served, by the names of the places. */
export const models: Readonly<Record<keyof typeof servedAt, () => DeviceModel>> = {
  edu: () => edu({ transferUs }),
  secondEdu: () => edu({ transferUs }),
  nvme: () => nvme(),
  silentNvme: () => nvme({ doorbells: "mapped", serial: "USERPCI1" }),
};
