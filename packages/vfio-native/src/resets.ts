import { Failures, type HotResetDependent, PciError, resetHints } from "@userpci/interface";
import type { Descriptor } from "./descriptor.ts";
import type { DeviceAccess } from "./device-access.ts";
import { systemError } from "./errno.ts";
import {
  hotResetArgument,
  hotResetDependents,
  hotResetError,
  type OpenFunctions,
  resetHeldBack,
} from "./hot-reset.ts";
import { failedWith } from "./ioctl.ts";
import * as uapi from "./uapi/vfio.ts";

/** What resets need of a device and its backend. */
export interface ResetParts extends OpenFunctions {
  readonly access: DeviceAccess;
  readonly descriptor: Descriptor;
  /** Whether the function has a reset method of its own. */
  readonly resettable: boolean;
}

/** The resets of one device: of the function, and of its bus or slot with all functions on it. */
export class Resets {
  readonly #parts: ResetParts;

  constructor(parts: ResetParts) {
    this.#parts = parts;
  }

  /** See `BackendDevice.reset`. */
  async reset(): Promise<void> {
    const { access } = this.#parts;
    this.#assertResettable();
    // The call takes no argument; the addon's asynchronous form wants bytes.
    const result = await this.#while([access], uapi.request.DEVICE_RESET, new Uint8Array(4));
    if (result < 0) throw this.#resetError(result);
  }

  /** See `BackendDevice.resetSync`. */
  resetSync(): void {
    const { access } = this.#parts;
    this.#assertResettable();
    const result = access.native.ioctl(access.fd, uapi.request.DEVICE_RESET, 0);
    if (result < 0) throw this.#resetError(result);
  }

  /** See `BackendDevice.hotResetInfo`. */
  dependents(): readonly HotResetDependent[] {
    this.#parts.access.assertUsable();
    return hotResetDependents(this.#parts.access).map(({ group, address }) => ({ group, address }));
  }

  /** See `BackendDevice.hotReset`. No function that it hits can be accessed meanwhile. */
  async hotReset(): Promise<void> {
    const { access } = this.#parts;
    const { bytes, hit } = this.#hotReset();
    const result = await this.#while(hit, uapi.request.DEVICE_PCI_HOT_RESET, bytes);
    if (result < 0) throw access.goneError("its hot reset") ?? hotResetError(access, result);
  }

  /** See `BackendDevice.hotResetSync`. */
  hotResetSync(): void {
    const { access } = this.#parts;
    const { bytes } = this.#hotReset();
    const result = access.native.ioctl(access.fd, uapi.request.DEVICE_PCI_HOT_RESET, bytes);
    if (result < 0) throw access.goneError("its hot reset") ?? hotResetError(access, result);
  }

  #hotReset(): { bytes: Uint8Array; hit: DeviceAccess[] } {
    const { access, accessOf } = this.#parts;
    access.assertUsable();
    const bytes = hotResetArgument(access, this.#parts);
    const others = hotResetDependents(access).flatMap(({ address }) => accessOf(address) ?? []);
    return { bytes, hit: [...new Set([access, ...others])] };
  }

  /**
   * Refuses accesses to all that is hit until the call has returned.
   *
   * @returns the result or negative errno
   * @throws what was put off until the end of a reset that succeeded, and failed then
   */
  async #while(hit: readonly DeviceAccess[], request: number, argument: Uint8Array): Promise<number> {
    const { access, descriptor } = this.#parts;
    const begun: DeviceAccess[] = [];
    const failures = new Failures();
    let result: number;
    try {
      for (const each of hit) {
        each.beginReset();
        begun.push(each);
      }
      result = await descriptor.use(() => access.native.ioctlAsync(access.fd, request, argument));
    } finally {
      for (const each of begun) failures.try(() => each.endReset());
    }
    if (result >= 0) failures.throwIfAny(`${access.address} was reset, but`);
    return result;
  }

  #assertResettable(): void {
    const { access, resettable } = this.#parts;
    access.assertUsable();
    if (resettable) return;
    throw new PciError("ERR_NO_RESET", `${access.address} has no reset method`, {
      hint: resetHints.function,
    });
  }

  #resetError(result: number): PciError {
    const { access } = this.#parts;
    const { address } = access;
    if (failedWith(result, "EAGAIN")) return resetHeldBack(result, "ioctl VFIO_DEVICE_RESET", address);
    const gone = access.goneError("its reset");
    if (gone !== undefined) return gone;
    const message = `${address} could not be reset`;
    return systemError(result, "ioctl VFIO_DEVICE_RESET", { message });
  }
}
