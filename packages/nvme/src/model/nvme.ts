import type { BarModel, DeviceModel, ModelConfig } from "@userpci/device-model";
import { DOORBELLS } from "../registers.ts";
import { Controller } from "./controller.ts";
import { fullTable } from "./controller-registers.ts";
import { IDS, NVME_CLASS } from "./identity.ts";
import { type NvmeOptions, type NvmeSettings, settingsOf } from "./options.ts";

const PAGE = 4096;

/** Bytes of BAR 0: a page each of registers, doorbells, MSI-X table and pending bits. */
const BAR_SIZE = 4 * PAGE;

/**
 * An NVM Express 1.4 controller with one namespace on a RAM disk. Its interrupts are a vector of MSI-X for the admin queues and each
 * pair of I/O queues, or the pin. It describes data by PRP lists, moves up to 1 MiB a command, and can be migrated in the middle
 * of its work. Whatever it held is gone with its power; a reset keeps it.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`, `ERR_MISALIGNED` for options that cannot be
 */
export function nvme(options: NvmeOptions = {}): DeviceModel {
  const settings = settingsOf(options);
  return {
    name: "nvme",
    config: configOf(settings),
    bars: { 0: barOf(settings) },
    busReset: true,
    create: (device) => new Controller(device, settings),
  };
}

function barOf(settings: NvmeSettings): BarModel {
  const doorbells = { offset: DOORBELLS, size: PAGE, mappable: true };
  return {
    kind: "memory64",
    size: BAR_SIZE,
    registers: fullTable(settings),
    ...(settings.doorbells === "mapped" && { memory: [doorbells] }),
  };
}

function configOf({ queues }: NvmeSettings): ModelConfig {
  const lane = { speed: 1, width: 1 };
  return {
    ...IDS,
    classCode: NVME_CLASS,
    revisionId: 1,
    interruptPin: 1,
    capabilities: [
      { name: "pm", registers: { capabilities: { version: 3 }, control: { noSoftReset: true } } },
      {
        name: "msix",
        registers: {
          control: { tableSize: queues },
          table: { bar: 0, offset: 2 * PAGE },
          pba: { bar: 0, offset: 3 * PAGE },
        },
      },
      {
        name: "pcie",
        registers: {
          capabilities: { version: 2 },
          deviceCapabilities: { roleBasedErrors: true, functionLevelReset: true },
          linkCapabilities: { maximumSpeed: lane.speed, maximumWidth: lane.width },
          linkStatus: lane,
        },
      },
    ],
    extendedCapabilities: [{ name: "aer", version: 2 }],
  };
}
