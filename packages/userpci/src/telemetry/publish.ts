import type { PciDevice } from "../device.ts";
import type { DeviceMeter } from "./meter.ts";
import { telemetryPlace } from "./place.ts";
import type { Metered } from "./take-snapshot.ts";

/** What this thread tells of. Weak: who left a device open is told of the leak when it is collected. */
const published = new Map<DeviceMeter, WeakRef<PciDevice>>();

/** Whether this thread has, or is getting, a socket. It stays until the thread ends: the next device may come soon. */
let opened = false;

/**
 * Tells of a device from now on, until it is closed, by a socket that the first one opens. A socket that cannot be opened is a
 * warning (`USERPCI_TELEMETRY`): the program works as well without.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` if `USERPCI_TELEMETRY` means nothing
 */
export function publish(device: PciDevice, meter: DeviceMeter): void {
  const { directory } = telemetryPlace();
  published.set(meter, new WeakRef(device));
  if (opened) return;
  opened = true;
  void openSocket(directory);
}

async function openSocket(directory: string): Promise<void> {
  try {
    // Only here: who wants no telemetry does not load it.
    const { TelemetrySocket } = await import("./socket.ts");
    const socket = await TelemetrySocket.open(directory, openDevices);
    process.once("exit", () => socket.close());
  } catch (error) {
    opened = false;
    process.emitWarning(`nobody can watch this program's devices: ${String(error)}`, {
      code: "USERPCI_TELEMETRY",
      detail: error instanceof Error && "hint" in error ? String(error.hint) : "",
    });
  }
}

function openDevices(): Metered[] {
  return [...published].flatMap(([meter, weak]) => {
    const device = weak.deref();
    if (device !== undefined && !device.closed) return [{ device, meter }];
    published.delete(meter);
    return [];
  });
}
