import { createRequire } from "node:module";
import {
  type Backend,
  type BackendDevice,
  checkInteger,
  checkMethods,
  checkOpenOptions,
  checkType,
  type IommuDomain,
  type OpenOptions,
} from "@userpci/interface";
import { defaultBackend } from "./default-backend.ts";
import { PciDevice } from "./device.ts";
import { checkReleasePolicy, type ReleasePolicy } from "./release.ts";
import { telemetryPlace } from "./telemetry/place.ts";

/** How {@link openDevice} opens a function. */
export interface DeviceOptions extends OpenOptions {
  /**
   * How to reach it; default: vfio-user for the path of a socket, such as `./edu.sock`; else the kernel's iommufd where this user can open
   * its nodes, or VFIO's container. The environment variable `USERPCI_BACKEND` (`vfio-cdev`, `vfio-group`, `vfio-user`)
   * overrides that. While `USERPCI_REPLAY` names a recording, that is opened in place of any device; while `USERPCI_TRACE` names a
   * directory, what happens is recorded there.
   */
  readonly backend?: Backend;
  /** A domain to share with other devices; it is not closed with the device. */
  readonly domain?: IommuDomain;
  /** The widest bus address in bits that the device can drive, 12 to 64 (row R15). Default 64. */
  readonly dmaBits?: number;
  /**
   * What is done when the system wants the device back, because it is to be unplugged or bound to another driver: `close` it
   * in time, or `keep` it, and keep the system waiting. Default `close`. See `PciDevice.onRelease`.
   */
  readonly release?: ReleasePolicy;
  /**
   * Whether this user and root may watch the device while it is open, with `userpci top` or through `userpci/telemetry`. Its register
   * accesses are then counted, which takes 1 to 3 ns each; otherwise nothing is counted, and nothing is spent. Default: what the
   * environment variable `USERPCI_TELEMETRY` says, which is no.
   */
  readonly telemetry?: boolean;
}

/**
 * Opens a PCI function. It must be bound to vfio-pci and its node open to this user: `userpci bind` does both.
 *
 * @param address PCI address such as `0000:00:04.0` or `00:04.0`, the path of a vfio-user socket such as `/run/edu.sock`, or
 * what the backend takes
 * @throws PciError `ERR_NO_DEVICE`, `ERR_DEVICE_GONE`, `ERR_WRONG_DRIVER`, `ERR_NO_IOMMU`, `ERR_GROUP_NOT_VIABLE`, `ERR_GROUP_BUSY`,
 * `ERR_DEVICE_BUSY`, `ERR_PERMISSION`, `ERR_NO_RESET`, `ERR_NATIVE_UNAVAILABLE`, `ERR_INVALID_ARGUMENT`
 */
export async function openDevice(address: string, options: DeviceOptions = {}): Promise<PciDevice> {
  const { choose, dmaBits, release, telemetry, open } = prepare(address, options);
  const backend = isRecorded()
    ? (await import("./trace/environment.ts")).backendOfEnvironment(choose)
    : choose();
  const device = await backend.open(address, open);
  checkDevice(device);
  try {
    return PciDevice.over(device, dmaBits, release, telemetry);
  } catch (error) {
    await device.close();
    throw error;
  }
}

/** {@link openDevice} on this thread. */
export function openDeviceSync(address: string, options: DeviceOptions = {}): PciDevice {
  const { choose, dmaBits, release, telemetry, open } = prepare(address, options);
  const backend = isRecorded() ? requireEnvironment().backendOfEnvironment(choose) : choose();
  const device = backend.openSync(address, open);
  checkDevice(device);
  try {
    return PciDevice.over(device, dmaBits, release, telemetry);
  } catch (error) {
    device.closeSync();
    throw error;
  }
}

/** Whether what a program does is to be recorded, or to be what a recording has; the code for that is loaded then. */
function isRecorded(): boolean {
  return Boolean(process.env["USERPCI_TRACE"] || process.env["USERPCI_REPLAY"]);
}

/** At once, which only `require` can. */
function requireEnvironment(): typeof import("./trace/environment.ts") {
  return createRequire(import.meta.url)("./trace/environment.js");
}

/** How a device is opened, checked. */
interface OpenPlan {
  readonly choose: () => Backend;
  readonly dmaBits: number;
  readonly release: ReleasePolicy;
  readonly telemetry: boolean;
  readonly open: OpenOptions;
}

/** Checks what can be checked before a device is opened, and so reset. */
function prepare(address: string, options: DeviceOptions): OpenPlan {
  checkType("address", address, "string");
  checkType("options", options, "object");
  const { backend, dmaBits = 64, release = "close", ...others } = options;
  const { wanted } = telemetryPlace();
  const { telemetry = wanted, ...open } = others;
  checkOpenOptions("openDevice", open, { backend, dmaBits, release, telemetry });
  if (backend !== undefined) checkMethods("backend", backend, ["open", "openSync"]);
  checkReleasePolicy(release);
  checkType("telemetry", telemetry, "boolean");
  const choose = (): Backend => backend ?? defaultBackend(address);
  return { choose, dmaBits: checkInteger("dmaBits", dmaBits, 12, 64), release, telemetry, open };
}

function checkDevice(device: BackendDevice): void {
  checkMethods("what the backend opened", device, ["region", "close", "closeSync"]);
}
