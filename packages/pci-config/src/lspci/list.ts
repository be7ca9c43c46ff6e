import type { FunctionAddress, LspciDevice } from "./device.ts";
import type { DeviceFilter } from "./filter.ts";
import { hexdump } from "./hexdump.ts";
import { hex } from "./line.ts";
import { machineLine, machineRecord } from "./machine.ts";
import type { LspciOptions } from "./options.ts";
import { deviceText } from "./print.ts";
import { pathTo, topologyOf } from "./topology.ts";

/** Devices in the order of their addresses. */
export function sortDevices(devices: readonly LspciDevice[]): readonly LspciDevice[] {
  return [...devices].sort((a, b) => compare(a.address, b.address));
}

function compare(a: FunctionAddress, b: FunctionAddress): number {
  return a.domain - b.domain || a.bus - b.bus || a.device - b.device || a.function - b.function;
}

/** An address as text. */
export function addressText(address: FunctionAddress, showDomain: boolean): string {
  return `${showDomain ? `${hex(address.domain, 4)}:` : ""}${hex(address.bus, 2)}:${placeOnBus(address)}`;
}

function placeOnBus({ device, function: fn }: FunctionAddress): string {
  return `${hex(device, 2)}.${fn.toString(16)}`;
}

/**
 * How to write the address of each of some devices. Domains are left out where all are 0; for programs, where the
 * device's own is 0, as lspci does.
 */
function addressing(devices: readonly LspciDevice[], options: LspciOptions): (device: LspciDevice) => string {
  const { showDomains, machine, pathLevel } = options;
  const isForeign = ({ address }: LspciDevice) => address.domain !== 0;
  const everywhere = showDomains || (machine === 0 && devices.some(isForeign));
  const whole = (device: LspciDevice) => addressText(device.address, everywhere || isForeign(device));
  if (pathLevel === 0) return whole;
  const { nodes } = topologyOf(devices, options.busCentric);
  return (device) => {
    const [first, ...rest] = [...pathTo(nodes.get(device)!), device];
    const step = ({ address }: LspciDevice) =>
      pathLevel === 1 ? placeOnBus(address) : addressText(address, false);
    return [whole(first!), ...rest.map(step)].join("/");
  };
}

/** All of a list, as `lspci` prints it. */
export function listText(
  devices: readonly LspciDevice[],
  options: LspciOptions,
  filter: DeviceFilter = () => true,
): string {
  const sorted = sortDevices(devices);
  const addressOf = addressing(sorted, options);
  let text = "";
  for (const device of sorted) {
    if (filter(device, options.busCentric)) text += entryText(device, options, addressOf(device));
  }
  return text;
}

function entryText(device: LspciDevice, options: LspciOptions, slot: string): string {
  const { machine, verbosity } = options;
  if (machine === 0) return `${slot} ${deviceText(device, options)}`;
  const dump = options.hexLevel > 0 ? hexdump(device.bytes, options.hexLevel) : "";
  if (verbosity === 0) return `${machineLine(device, options, slot)}${dump === "" ? "" : `${dump}\n`}`;
  return `${machineRecord(device, options, slot, machine > 1 ? "Slot" : "Device")}${dump}\n`;
}
