import type { DeviceModel, ModelConfig } from "@userpci/device-model";
import { type NicPairOptions, settingsOf } from "./options.ts";
import { Port, portTable } from "./port.ts";
import { Wire } from "./wire.ts";

const PAGE = 4096;

/** Bytes of BAR 0: registers, MSI-X table, pending bits. */
const BAR_SIZE = 4 * PAGE;

/**
 * Two small NICs that are linked with each other, `nic0` and `nic1`: what one sends, the other receives. Each has a ring to send
 * and one to receive, three vectors of MSI-X or the pin, and counts what it does. Each is to be hosted once.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for options that cannot be
 */
export function nicPair(options: NicPairOptions = {}): [DeviceModel, DeviceModel] {
  const { maxFrame, macs } = settingsOf(options);
  const wire = new Wire();
  const make = (end: 0 | 1): DeviceModel => ({
    name: `nic${end}`,
    config,
    bars: { 0: { kind: "memory32", size: BAR_SIZE, registers: portTable({ mac: macs[end], maxFrame }) } },
    busReset: true,
    create: (device) => new Port(device, { wire, end, mac: macs[end], maxFrame }),
  });
  return [make(0), make(1)];
}

const config: ModelConfig = {
  vendorId: 0x1234,
  deviceId: 0x4e49,
  classCode: 0x02_00_00,
  revisionId: 1,
  subsystemVendorId: 0x1234,
  subsystemId: 0x0002,
  interruptPin: 1,
  capabilities: [
    { name: "pm", registers: { capabilities: { version: 3 }, control: { noSoftReset: true } } },
    {
      name: "msix",
      registers: {
        control: { tableSize: 2 },
        table: { bar: 0, offset: 2 * PAGE },
        pba: { bar: 0, offset: 3 * PAGE },
      },
    },
    {
      name: "pcie",
      registers: {
        capabilities: { version: 2 },
        deviceCapabilities: { roleBasedErrors: true, functionLevelReset: true },
        linkCapabilities: { maximumSpeed: 1, maximumWidth: 1 },
        linkStatus: { speed: 1, width: 1 },
      },
    },
  ],
  extendedCapabilities: [{ name: "aer", version: 2 }],
};
