import { nvmeStatus } from "../commands.ts";

/** Bytes of an entry of a PRP list. */
const ENTRY_SIZE = 8;

/**
 * Walks through the Physical Region Pages of a command (NVM Express Base 2.0, section 4.1.1; 1.4, 4.3): the ranges of memory,
 * joined where they are adjacent. It asks for parts of the list, and reads nothing itself. It is used again for the next
 * command, and cannot loop: every list behind the first one is a whole page, of which all entries but the last are data.
 */
export class PrpWalk {
  /** Where each range begins; only the first {@link count} are of this command. */
  readonly addresses: bigint[] = [];
  /** Bytes of each. */
  readonly sizes: number[] = [];
  count = 0;
  /** What is wrong with the entries, a code of `nvmeStatus`; `SUCCESS` as long as nothing is. */
  status: number = nvmeStatus.SUCCESS;
  /** Where the part of the list lies that is to be given to {@link feed}. */
  listAddress = 0n;
  /** How many bytes of it; 0 if nothing is missing any more. */
  listSize = 0;
  #pageSize = 4096;
  #offsetMask = 0xfffn;
  #left = 0;

  /**
   * Begins with the two entries of a command.
   *
   * @param length bytes of the data, at least 1
   * @param pageSize CC.MPS in bytes
   */
  begin(prp1: bigint, prp2: bigint, length: number, pageSize: number): void {
    this.count = 0;
    this.listSize = 0;
    this.status = nvmeStatus.SUCCESS;
    if (pageSize !== this.#pageSize) {
      this.#pageSize = pageSize;
      this.#offsetMask = BigInt(pageSize - 1);
    }
    this.#left = length;
    if ((prp1 & 3n) !== 0n) {
      this.#fail();
      return;
    }
    this.#add(prp1, Math.min(length, pageSize - this.#offsetOf(prp1)));
    if (this.#left === 0) return;
    const isList = this.#left > pageSize;
    if (isList ? (prp2 & 7n) !== 0n : this.#offsetOf(prp2) !== 0) this.#fail();
    else if (isList) this.#ask(prp2);
    else this.#add(prp2, this.#left);
  }

  /** Takes the {@link listSize} bytes at {@link listAddress}. */
  feed(list: Uint8Array): void {
    const entries = new DataView(list.buffer, list.byteOffset, this.listSize);
    const last = this.listSize - ENTRY_SIZE;
    const chained = this.#entriesLeft * ENTRY_SIZE > this.listSize;
    this.listSize = 0;
    for (let at = 0; at <= last; at += ENTRY_SIZE) {
      const address = entries.getBigUint64(at, true);
      if (this.#offsetOf(address) !== 0) {
        this.#fail();
        return;
      }
      if (chained && at === last) this.#ask(address);
      else this.#add(address, Math.min(this.#left, this.#pageSize));
    }
  }

  get #entriesLeft(): number {
    return Math.ceil(this.#left / this.#pageSize);
  }

  #offsetOf(address: bigint): number {
    return Number(address & this.#offsetMask);
  }

  #add(address: bigint, size: number): void {
    this.#left -= size;
    const last = this.count - 1;
    if (last >= 0 && this.addresses[last]! + BigInt(this.sizes[last]!) === address) {
      this.sizes[last]! += size;
      return;
    }
    this.addresses[this.count] = address;
    this.sizes[this.count] = size;
    this.count += 1;
  }

  #ask(address: bigint): void {
    const room = this.#pageSize - this.#offsetOf(address);
    this.listAddress = address;
    this.listSize = Math.min(room, this.#entriesLeft * ENTRY_SIZE);
  }

  #fail(): void {
    this.status = nvmeStatus.INVALID_PRP_OFFSET;
    this.listSize = 0;
  }
}
