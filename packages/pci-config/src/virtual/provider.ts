import type { ConfigSpace } from "../config.ts";
import type { Provider, VirtualDevice } from "./device.ts";

const COMMAND = 0x04;
const INTERRUPT_DISABLE = 0x0400;
const DEVICE_CONTROL = 8;
const READ_REQUEST = 0x7000;
const LARGEST_REQUEST = 4096;

/** What a provider does that has no methods of its own: everything that the device's config space alone can do. */
export function providerOf(
  { region, intx = "maskable", provider = {} }: VirtualDevice,
  config: ConfigSpace,
): Provider {
  const defaults: Provider = {
    setInterruptDisable(disabled) {
      if (intx !== "maskable") return;
      const others = region.read16(COMMAND) & ~INTERRUPT_DISABLE;
      region.write16(COMMAND, disabled ? others | INTERRUPT_DISABLE : others);
    },
    setPowerState: (state) => setPowerState(config, state),
    reset: () => {},
    setMaximumReadRequest(bytes) {
      const pcie = config.find("pcie");
      // Of two such capabilities the first is the function's; it may be cut off by the end of the space.
      if (pcie === undefined || pcie.length < DEVICE_CONTROL + 2 || bytes > LARGEST_REQUEST) return;
      const at = pcie.offset + DEVICE_CONTROL;
      region.write16(at, (region.read16(at) & ~READ_REQUEST) | ((Math.log2(bytes) - 7) << 12));
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
  if (pm === undefined) return;
  const { d1, d2 } = pm.capabilities.read();
  if ((state === 1 && !d1) || (state === 2 && !d2)) return;
  if (state !== 0 && pm.control.powerState > state) return;
  pm.control.update({ powerState: state });
}
