import type { OwnedRegion, Region } from "@userpci/interface";
import { type AccessCounter, MeteredMapping, MeteredRegion } from "./metered-region.ts";
import type { MappingTelemetry, RegisterTelemetry } from "./snapshot.ts";

/** Counts the accesses to one device. Only a device whose program wants telemetry has one: others are left as they are. */
export class DeviceMeter {
  /** When the device was opened, in milliseconds of `performance.now()`. */
  readonly openedAt = performance.now();
  readonly #mapped: AccessCounter = { reads: 0, writes: 0 };
  readonly #called: AccessCounter = { reads: 0, writes: 0 };
  readonly #config: AccessCounter = { reads: 0, writes: 0 };
  readonly #mappings = new Map<OwnedRegion, number>();

  /** Configuration space, counted. */
  config(region: Region): Region {
    return new MeteredRegion(region, this.#config);
  }

  /** A region by system call or message, counted. */
  called(region: Region): Region {
    return new MeteredRegion(region, this.#called);
  }

  /** A mapped BAR, counted until it is closed. */
  mapped(bar: number, region: OwnedRegion): OwnedRegion {
    for (const known of this.#mappings.keys()) if (known.closed) this.#mappings.delete(known);
    this.#mappings.set(region, bar);
    return new MeteredMapping(region, this.#mapped);
  }

  /** What was counted until now; a copy. */
  registers(): RegisterTelemetry {
    return { mapped: { ...this.#mapped }, called: { ...this.#called }, config: { ...this.#config } };
  }

  /** The BARs that are mapped now. */
  mappings(): MappingTelemetry[] {
    return [...this.#mappings].flatMap(([region, bar]) =>
      region.closed ? [] : [{ bar, size: region.size }],
    );
  }
}
