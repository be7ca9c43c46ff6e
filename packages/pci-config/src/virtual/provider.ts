import type { ConfigSpace } from "../config.ts";
import { commonHeader } from "../header.ts";
import { rawAt } from "../register.ts";
import { standardCapabilities } from "../standard.ts";
import { endOf, withField } from "../table.ts";
import type { Provider, VirtualDevice } from "./device.ts";

const { command } = commonHeader;
const { deviceControl } = standardCapabilities.pcie.registers;
const { control: powerControl } = standardCapabilities.pm.registers;
const LARGEST_REQUEST = 4096;

/** What a provider does that has no methods of its own: everything that the device's config space alone can do. */
export function providerOf(
  { region, intx = "maskable", provider = {} }: VirtualDevice,
  config: ConfigSpace,
): Provider {
  const defaults: Provider = {
    setInterruptDisable(disabled) {
      if (intx !== "maskable") return;
      const { interruptDisable } = command.fields;
      region.write16(
        command.offset,
        withField(interruptDisable, rawAt(region, 0, command), disabled ? 1 : 0),
      );
    },
    setPowerState: (state) => setPowerState(config, state),
    reset: () => {},
    setMaximumReadRequest(bytes) {
      const pcie = config.find("pcie");
      // Of two such capabilities the first is the function's; it may be cut off by the end of the space.
      if (pcie === undefined || pcie.length < endOf(deviceControl) || bytes > LARGEST_REQUEST) return;
      const { maximumReadRequest } = deviceControl.fields;
      const setting = rawAt(region, pcie.offset, deviceControl);
      const code = Math.log2(bytes) - 7;
      region.write16(pcie.offset + deviceControl.offset, withField(maximumReadRequest, setting, code));
    },
    readVpd: () => undefined,
    writeVpd: () => false,
    msiVectors: () => 0,
  };
  return { ...defaults, ...ownMethods(provider) };
}

const methods = [
  "setInterruptDisable",
  "setPowerState",
  "reset",
  "setMaximumReadRequest",
  "readVpd",
  "writeVpd",
  "msiVectors",
] as const satisfies readonly (keyof Provider)[];

/** The methods that a provider has, also those that it has from its class. */
function ownMethods(provider: Partial<Provider>): Partial<Provider> {
  return Object.fromEntries(
    methods.flatMap((name) => (provider[name] === undefined ? [] : [[name, provider[name].bind(provider)]])),
  );
}

/** States D1 and D2 are optional, and a function leaves a deeper one only for D0 (PCI PM 1.2, 5.4). */
function setPowerState(config: ConfigSpace, state: number): void {
  const pm = config.find("pm");
  // As with PCI Express: of two the first is the function's, and may be cut off.
  if (pm === undefined || pm.length < endOf(powerControl)) return;
  const { d1, d2 } = pm.capabilities.read();
  if ((state === 1 && !d1) || (state === 2 && !d2)) return;
  if (state !== 0 && pm.control.powerState > state) return;
  pm.control.update({ powerState: state });
}
