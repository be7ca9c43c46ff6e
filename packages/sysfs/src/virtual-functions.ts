import { checkInteger, isPciError, PciError } from "@userpci/interface";
import { changing } from "./change.ts";
import type { DriverChange, DriverOptions } from "./driver.ts";
import { findFunction } from "./find.ts";
import { functionPath, type PciFunction } from "./function.ts";
import { isVfioDriver } from "./group.ts";
import { type Kernel, kernelOf } from "./kernel.ts";
import { checkDriverOptions } from "./options.ts";

/** What lets vfio-pci make virtual functions (`drivers/vfio/pci/vfio_pci.c`). */
const ENABLE_SRIOV = "/sys/module/vfio_pci/parameters/enable_sriov";

/**
 * Gives a physical function so many virtual ones, in place of those that it has (SR-IOV, `sriov_numvfs` in the kernel's
 * Documentation/ABI/testing/sysfs-bus-pci). Needs root. The driver of the physical function makes them: the card's own, or
 * vfio-pci, which then keeps each for who knows the token of the physical one (`vfToken` of `openDevice`, row R22).
 *
 * Virtual functions that are to go are taken from their drivers; a program that has one open is asked to let go (the REQ
 * interrupt), and the call waits until it has. Of this, `bind` and `unbind` one call a function can be under way.
 *
 * @param address of the physical function, such as `0000:01:00.0` or `01:00.0`
 * @param count 0, which takes all away, to `maxVirtualFunctions` of the function
 * @returns the addresses of the virtual functions, by ascending number; as they are now, if they are so many already
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`, `ERR_NO_DEVICE`, `ERR_NOT_SUPPORTED` if the function is no physical one, or its driver makes
 * none, `ERR_PERMISSION`, `ERR_BUSY` while another call is under way, `ERR_TIMEOUT` and `ERR_ABORTED` with the holders; the kernel then
 * finishes by itself; with the system's code if the kernel fails, such as `ENOMEM` where bridges have no room for them: there are
 * none then, or as many as before
 */
export async function setVirtualFunctions(
  address: string,
  count: number,
  options: DriverOptions = {},
): Promise<readonly string[]> {
  checkDriverOptions(options);
  return setVirtualFunctionsOn(kernelOf(options), address, count, options);
}

/** {@link setVirtualFunctions} on a given kernel. */
export async function setVirtualFunctionsOn(
  kernel: Kernel,
  address: string,
  count: number,
  options: DriverOptions,
): Promise<readonly string[]> {
  const fn = findFunction(address, options);
  refuseWithoutSriov(fn);
  checkInteger("count", count, 0, fn.maxVirtualFunctions);
  const path = functionPath(fn.address, options, "sriov_numvfs");
  const refusal = await kernel.refusal(
    path,
    count === 0 ? `userpci vf destroy ${fn.address}` : `userpci vf create ${fn.address} ${count}`,
  );
  if (refusal !== null) throw refusal;
  return changing(kernel, "sriov", fn, options, async (change, now) => {
    if (now.virtualFunctions.length === count) return now.virtualFunctions;
    // The kernel changes one number into another by way of none.
    if (now.virtualFunctions.length > 0) await set(change, now, 0);
    if (count > 0) await set(change, now, count);
    return findFunction(now.address, options).virtualFunctions;
  });
}

function refuseWithoutSriov({ address, physicalFunction, maxVirtualFunctions }: PciFunction): void {
  if (maxVirtualFunctions > 0) return;
  throw new PciError("ERR_NOT_SUPPORTED", `${address} can have no virtual functions`, {
    hint:
      physicalFunction === null
        ? "it has no SR-IOV capability, or that is off in the firmware set-up; maxVirtualFunctions of findFunction() tells"
        : `it is one itself: name its physical function, ${physicalFunction}`,
  });
}

async function set(change: DriverChange, fn: PciFunction, count: number): Promise<void> {
  try {
    await change.setVirtualFunctions(count);
  } catch (cause) {
    if (!isPciError(cause, "ENOENT")) throw cause;
    throw new PciError("ERR_NOT_SUPPORTED", `${driverOf(fn)} makes no virtual functions`, {
      hint: whatMakesThem(fn),
      cause,
    });
  }
}

const driverOf = ({ address, driver }: PciFunction): string =>
  driver === null ? `${address} has no driver, which` : `the driver ${driver} of ${address}`;

function whatMakesThem({ address, driver }: PciFunction): string {
  if (isVfioDriver(driver)) return `let it: echo Y | sudo tee ${ENABLE_SRIOV}`;
  const bind = `sudo userpci bind ${address}, and echo Y | sudo tee ${ENABLE_SRIOV}`;
  return driver === null ? `load the card's own driver, or: ${bind}` : `take another driver: ${bind}`;
}
