import { linux, VirtualConfigSpace } from "@userpci/pci-config/virtual";
import { configRegion } from "./config-region.ts";
import type { Hardware } from "./hardware.ts";
import type { HostRegion } from "./host-region.ts";

/** Who has a device open: the config space it is given, from the device as it is then (rows R8, R9 and R17). */
export class DeviceUser implements Disposable {
  readonly space: VirtualConfigSpace;
  readonly config: HostRegion;
  readonly #hardware: Hardware;

  constructor(hardware: Hardware) {
    const { config, description, irqs } = hardware;
    const { shapes, romSize, vectors } = description;
    this.#hardware = hardware;
    this.space = new VirtualConfigSpace(linux, {
      region: config,
      bars: shapes,
      romSize,
      intx: vectors.intx > 0 ? "maskable" : "none",
      provider: {
        setInterruptDisable: (disabled) => irqs.line.setInterruptDisable(disabled),
        reset: () => hardware.reset("function"),
        readVpd: (address) => hardware.vpdAt(address),
        msiVectors: () => irqs.msiVectors,
      },
    });
    this.config = configRegion(this.space);
  }

  /** Forgets what was kept for the user. */
  [Symbol.dispose](): void {
    this.space.close();
    this.#hardware.irqs.line.setInterruptDisable(false);
  }
}
