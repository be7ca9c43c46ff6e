import { accessError, type OwnedRegion, PciError, type Region } from "@userpci/interface";
import type { Blockable } from "./device-access.ts";
import { MappedRegion, type MappedWindow, type RegionSupervisor } from "./mapped-region.ts";

/** A window's place in the region. */
interface Part {
  readonly start: number;
  readonly size: number;
  readonly region: MappedRegion;
}

/** The part that is at hand where none is mapped: no offset lies in it. */
const nowhere = { start: 0, size: 0 } as Part;

/**
 * A region of which several parts are mapped, joined with `fallback` where none is: sparse areas, the pages of the MSI-X
 * table. The part last used is at hand, and an access elsewhere changes it. Nothing of it need be mapped.
 */
export class JoinedRegion implements OwnedRegion, Blockable {
  readonly size: number;
  readonly #name: string;
  readonly #parts: readonly Part[];
  readonly #fallback: Region;
  readonly #supervisor: RegionSupervisor;
  #part: Part;
  #closed = false;

  /**
   * @param name for messages, such as "BAR 0"
   * @param size of the whole region, in bytes
   * @param windows ascending and disjoint
   */
  constructor(
    name: string,
    size: number,
    windows: readonly MappedWindow[],
    fallback: Region,
    supervisor: RegionSupervisor,
  ) {
    this.size = size;
    this.#name = name;
    this.#parts = windows.map((window) => {
      const place = `${name} from 0x${window.offset.toString(16)} on`;
      const region = new MappedRegion(place, window, supervisor);
      return { start: window.offset, size: region.size, region };
    });
    this.#part = this.#parts[0] ?? nowhere;
    this.#fallback = fallback;
    this.#supervisor = supervisor;
  }

  get closed(): boolean {
    return this.#closed;
  }

  read8(offset: number): number {
    const at = this.#within(offset);
    if (at >= 0) return this.#part.region.read8(at);
    return this.#seek(offset, 1) ? this.read8(offset) : this.#fallback.read8(offset);
  }

  read16(offset: number): number {
    const at = this.#within(offset);
    if (at >= 0) return this.#part.region.read16(at);
    return this.#seek(offset, 2) ? this.read16(offset) : this.#fallback.read16(offset);
  }

  read32(offset: number): number {
    const at = this.#within(offset);
    if (at >= 0) return this.#part.region.read32(at);
    return this.#seek(offset, 4) ? this.read32(offset) : this.#fallback.read32(offset);
  }

  read64(offset: number): bigint {
    const at = this.#within(offset);
    if (at >= 0) return this.#part.region.read64(at);
    return this.#seek(offset, 8) ? this.read64(offset) : this.#fallback.read64(offset);
  }

  write8(offset: number, value: number): void {
    const at = this.#within(offset);
    if (at >= 0) this.#part.region.write8(at, value);
    else if (this.#seek(offset, 1)) this.write8(offset, value);
    else this.#fallback.write8(offset, value);
  }

  write16(offset: number, value: number): void {
    const at = this.#within(offset);
    if (at >= 0) this.#part.region.write16(at, value);
    else if (this.#seek(offset, 2)) this.write16(offset, value);
    else this.#fallback.write16(offset, value);
  }

  write32(offset: number, value: number): void {
    const at = this.#within(offset);
    if (at >= 0) this.#part.region.write32(at, value);
    else if (this.#seek(offset, 4)) this.write32(offset, value);
    else this.#fallback.write32(offset, value);
  }

  write64(offset: number, value: bigint): void {
    const at = this.#within(offset);
    if (at >= 0) this.#part.region.write64(at, value);
    else if (this.#seek(offset, 8)) this.write64(offset, value);
    else this.#fallback.write64(offset, value);
  }

  /** Sends the next access through {@link RegionSupervisor.assertUsable}. */
  block(): void {
    for (const { region } of this.#parts) region.block();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { region } of this.#parts) region.close();
    this.#supervisor.delete(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Where `offset` lies in the part last used, or -1 if it does not. */
  #within(offset: number): number {
    const { start, size } = this.#part;
    return typeof offset === "number" && offset >= start && offset < start + size ? offset - start : -1;
  }

  /**
   * Makes the part that holds `offset` current.
   *
   * @returns false if none does, so that the fallback has to serve
   */
  #seek(offset: number, width: number): boolean {
    if (this.#closed) throw new PciError("ERR_CLOSED", `${this.#name} is unmapped`, { hint: "map it again" });
    const error = accessError(this.#name, this.size, offset, width);
    if (error !== undefined) throw error;
    const part = this.#parts.find(({ start, size }) => offset >= start && offset < start + size);
    if (part !== undefined) this.#part = part;
    return part !== undefined;
  }
}
