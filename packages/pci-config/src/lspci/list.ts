import type { FunctionAddress, LspciDevice } from "./device.ts";
import type { DeviceFilter } from "./filter.ts";
import { hex } from "./line.ts";
import type { LspciOptions } from "./options.ts";
import { deviceText } from "./print.ts";

/** Devices in the order of their addresses. */
export function sortDevices(devices: readonly LspciDevice[]): readonly LspciDevice[] {
  return devices.toSorted((a, b) => compare(a.address, b.address));
}

function compare(a: FunctionAddress, b: FunctionAddress): number {
  return a.domain - b.domain || a.bus - b.bus || a.device - b.device || a.function - b.function;
}

/** An address as text; the domain is left out where all devices are in domain 0. */
export function addressText(address: FunctionAddress, showDomain: boolean): string {
  const { domain, bus, device, function: fn } = address;
  return `${showDomain ? `${hex(domain, 4)}:` : ""}${hex(bus, 2)}:${hex(device, 2)}.${fn.toString(16)}`;
}

/** Whether addresses of a list are shown with their domain. */
export function needsDomains(
  devices: readonly LspciDevice[],
  options: Pick<LspciOptions, "showDomains">,
): boolean {
  return options.showDomains || devices.some(({ address }) => address.domain !== 0);
}

/** All of a list, as `lspci` prints it. */
export function listText(
  devices: readonly LspciDevice[],
  options: LspciOptions,
  filter: DeviceFilter = () => true,
): string {
  const showDomains = needsDomains(devices, options);
  let text = "";
  for (const device of sortDevices(devices)) {
    if (filter(device, options.busCentric))
      text += `${addressText(device.address, showDomains)} ${deviceText(device, options)}`;
  }
  return text;
}
