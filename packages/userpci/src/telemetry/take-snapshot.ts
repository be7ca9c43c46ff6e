import { threadId } from "node:worker_threads";
import { isPciError } from "@userpci/interface";
import type { PciDevice } from "../device.ts";
import type { DeviceMeter } from "./meter.ts";
import {
  type DeviceTelemetry,
  type DmaTelemetry,
  type InterruptTelemetry,
  TELEMETRY_SCHEMA,
  type TelemetrySnapshot,
} from "./snapshot.ts";

/** What is taken of a device; {@link PciDevice} has it. */
export type MeteredDevice = Pick<
  PciDevice,
  "address" | "backendDevice" | "closed" | "dma" | "domain" | "irqs"
>;

/** A device and what counts its accesses. */
export interface Metered {
  readonly device: MeteredDevice;
  readonly meter: DeviceMeter;
}

/** Takes what is known of devices at this moment. All of it is read, nothing is asked of a device itself. */
export function takeSnapshot(devices: Iterable<Metered>): TelemetrySnapshot {
  const atMs = performance.now();
  return {
    schema: TELEMETRY_SCHEMA,
    atMs,
    program: {
      pid: process.pid,
      thread: threadId,
      command: [process.argv0, ...process.argv.slice(1)].join(" "),
      node: process.version,
    },
    devices: [...devices].flatMap((each) => {
      try {
        return [deviceTelemetry(each, atMs)];
      } catch (error) {
        // One that is being closed.
        if (isPciError(error)) return [];
        throw error;
      }
    }),
  };
}

function deviceTelemetry({ device, meter }: Metered, atMs: number): DeviceTelemetry {
  return {
    address: device.address,
    backend: device.backendDevice.backend,
    openMs: atMs - meter.openedAt,
    registers: meter.registers(),
    mappings: meter.mappings(),
    dma: dmaTelemetry(device),
    interrupts: interruptTelemetry(device),
  };
}

function dmaTelemetry({ dma, domain }: MeteredDevice): DmaTelemetry {
  const { used, limit } = domain.budget;
  const { counted, scope, limit: pinLimit } = dma.usage();
  const pinned =
    counted === undefined || scope === undefined ? null : { used: counted, limit: finite(pinLimit), scope };
  return {
    buffers: dma.buffers().length,
    bytes: dma.pinnedBytes,
    made: dma.made.buffers,
    madeBytes: dma.made.bytes,
    mappings: { used, limit: finite(limit) },
    pinned,
  };
}

/** JSON has no infinity. */
function finite(limit: number | undefined): number | null {
  return limit !== undefined && Number.isFinite(limit) ? limit : null;
}

function interruptTelemetry({ irqs }: MeteredDevice): InterruptTelemetry[] {
  return irqs.enabled().flatMap((set) =>
    [...set].map(({ kind, index, stats }) => {
      const { count, deliveries, largest } = stats;
      return { kind, vector: index, count, deliveries, largest };
    }),
  );
}
