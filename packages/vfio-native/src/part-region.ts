import { accessError, type OwnedRegion, PciError, type Region, type RegionArea } from "@userpci/interface";

/** A part of a region as a region of its own, such as a small BAR in the page that holds it. */
export class PartRegion implements OwnedRegion {
  readonly size: number;
  readonly #name: string;
  readonly #whole: Region;
  readonly #start: number;
  readonly #release: () => void;
  #closed = false;

  /**
   * @param name for messages
   * @param release called once, by `close`
   */
  constructor(name: string, whole: Region, { offset, size }: RegionArea, release: () => void) {
    this.size = size;
    this.#name = name;
    this.#whole = whole;
    this.#start = offset;
    this.#release = release;
  }

  get closed(): boolean {
    return this.#closed;
  }

  read8(offset: number): number {
    return this.#whole.read8(this.#at(offset, 1));
  }

  read16(offset: number): number {
    return this.#whole.read16(this.#at(offset, 2));
  }

  read32(offset: number): number {
    return this.#whole.read32(this.#at(offset, 4));
  }

  read64(offset: number): bigint {
    return this.#whole.read64(this.#at(offset, 8));
  }

  write8(offset: number, value: number): void {
    this.#whole.write8(this.#at(offset, 1), value);
  }

  write16(offset: number, value: number): void {
    this.#whole.write16(this.#at(offset, 2), value);
  }

  write32(offset: number, value: number): void {
    this.#whole.write32(this.#at(offset, 4), value);
  }

  write64(offset: number, value: bigint): void {
    this.#whole.write64(this.#at(offset, 8), value);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#release();
  }

  /** {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #at(offset: number, width: number): number {
    if (this.#closed) throw new PciError("ERR_CLOSED", `${this.#name} is closed`, { hint: "open it again" });
    const error = accessError(this.#name, this.size, offset, width);
    if (error !== undefined) throw error;
    return this.#start + offset;
  }
}
