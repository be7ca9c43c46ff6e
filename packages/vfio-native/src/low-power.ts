import { checkType, type IrqTarget } from "@userpci/interface";
import type { DeviceAccess } from "./device-access.ts";
import { descriptorOf } from "./eventfd-target.ts";
import { useNamedFeature } from "./feature.ts";
import * as uapi from "./uapi/vfio.ts";

/** Low power while nobody uses the device; any access by call wakes it, and mapped regions stay off until {@link exit}. */
export class LowPower {
  readonly #access: DeviceAccess;

  /** @internal */
  constructor(access: DeviceAccess) {
    this.#access = access;
  }

  /**
   * Lets the device go into low power.
   *
   * @param wakeup signalled once when the device leaves it; without one it may go there again after each access
   * @throws PciError `ERR_NOT_SUPPORTED`, `ERR_CLOSED` also for a target that is, `ERR_INVALID_ARGUMENT` for one of another
   * backend; `EINVAL` while it is there already
   */
  enter(wakeup?: IrqTarget): void {
    const { LOW_POWER_ENTRY, LOW_POWER_ENTRY_WITH_WAKEUP } = uapi.feature;
    if (wakeup === undefined) {
      useNamedFeature(this.#access, "low-power", "set", LOW_POWER_ENTRY);
      return;
    }
    checkType("wakeup", wakeup, "object");
    const data = uapi.lowPowerEntryWithWakeup.pack({ wakeup_eventfd: descriptorOf(wakeup) });
    useNamedFeature(this.#access, "low-power-wakeup", "set", LOW_POWER_ENTRY_WITH_WAKEUP, data);
  }

  /** Keeps the device awake from now on. @throws PciError `ERR_NOT_SUPPORTED`, `ERR_CLOSED` */
  exit(): void {
    useNamedFeature(this.#access, "low-power", "set", uapi.feature.LOW_POWER_EXIT);
  }
}
