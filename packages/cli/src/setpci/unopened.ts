import type { OwnedRegion } from "@userpci/interface";
import { bytesRegion, type ConfigSpace, configOf } from "@userpci/pci-config";
import type { Operation } from "@userpci/pci-config/setpci";

const WHOLE = 4096;
/** Accesses that setpci makes in search of a capability, where all of them read ones. */
const SEARCH = 4;

/**
 * The config space of a function that this user may not open, as setpci sees it: every access is a message, reads are all ones,
 * and writes are lost. That is no error to setpci.
 */
export class UnopenedConfig implements OwnedRegion {
  readonly size = WHOLE;
  readonly #note: () => void;
  #closed = false;

  /** @param note told of every access, in the words of the original */
  constructor(path: string, note: (words: string) => void) {
    this.#note = () => note(`pcilib: Cannot open ${path}\n`);
  }

  get closed(): boolean {
    return this.#closed;
  }

  read8(): number {
    return this.#read(0xff);
  }

  read16(): number {
    return this.#read(0xffff);
  }

  read32(): number {
    return this.#read(0xffff_ffff);
  }

  read64(): bigint {
    this.#note();
    return 0xffff_ffff_ffff_ffffn;
  }

  write8(): void {
    this.#note();
  }

  write16(): void {
    this.#note();
  }

  write32(): void {
    this.#note();
  }

  write64(): void {
    this.#note();
  }

  close(): void {
    this.#closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** What the register of an operation is looked for in: the same ones, with as many messages as the original's search has. */
  search({ base }: Operation): ConfigSpace {
    const accesses = base.kind !== "address" ? SEARCH : base.named?.layouts ? 1 : 0;
    for (let turn = 0; turn < accesses; turn++) this.#note();
    return configOf(bytesRegion(new Uint8Array(WHOLE).fill(0xff)));
  }

  #read(ones: number): number {
    this.#note();
    return ones;
  }
}
