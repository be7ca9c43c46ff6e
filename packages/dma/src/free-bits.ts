/** Index of the word that counts what is in use. */
const IN_USE = 0;
/** And of the one that has the most there was. */
const HIGH_WATER = 1;
/** First word with bits: 128 bytes on, so that a processor that counts does not take away the line of one that searches. */
const BITS = 32;

/**
 * Which elements of a pool are free: one bit each, in words that several threads change at once without a lock.
 *
 * Taking first counts one up, which only succeeds below the number of elements, and so reserves a bit: one is set, or
 * will be before the count goes down. Then one atomic AND takes that bit, and one OR gives it back, each of which tells
 * what was there before. Nothing is read in one step and replaced in another, as the head of a linked list is, so there is
 * no ABA to guard against with a tag; and a bit that is given back twice is noticed.
 */
export class FreeBits {
  readonly #words: Int32Array;
  readonly #count: number;
  readonly #end: number;
  #shared: boolean;
  /** Where this thread looks first: where it took or gave back last. */
  #at = BITS;

  /**
   * @param words {@link FreeBits.wordsFor} of them, which {@link FreeBits.fill} has prepared
   * @param shared whether other threads may have them already
   */
  constructor(words: Int32Array, count: number, shared: boolean) {
    this.#words = words;
    this.#count = count;
    this.#end = FreeBits.wordsFor(count);
    this.#shared = shared;
  }

  /** How many words that many elements take. */
  static wordsFor(count: number): number {
    return BITS + Math.ceil(count / 32);
  }

  /** How many are taken. */
  get inUse(): number {
    return Atomics.load(this.#words, IN_USE);
  }

  /** The most that were taken at any time. */
  get highWater(): number {
    return Atomics.load(this.#words, HIGH_WATER);
  }

  /** Makes all free, in words that are 0. */
  static fill(words: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) words[BITS + (i >> 5)]! |= 1 << (i & 31);
  }

  /** To be called before another thread gets hold of the words. */
  share(): void {
    this.#shared = true;
  }

  /** @returns the index of one that was free, or -1 if none is */
  take(): number {
    if (!this.#shared) return this.#takeAlone();
    return this.#reserve() ? this.#search() : -1;
  }

  /**
   * @param index 0 to the count - 1
   * @returns whether it was taken; nothing changes if not
   */
  give(index: number): boolean {
    const words = this.#words;
    const at = BITS + (index >> 5);
    const bit = 1 << (index & 31);
    if (this.#shared) {
      if ((Atomics.or(words, at, bit) & bit) !== 0) return false;
      Atomics.sub(words, IN_USE, 1);
    } else {
      if ((words[at]! & bit) !== 0) return false;
      words[at]! |= bit;
      words[IN_USE]! -= 1;
    }
    this.#at = at;
    return true;
  }

  /** {@link take} for a thread that has the words for itself: a fifth of the time. */
  #takeAlone(): number {
    const words = this.#words;
    const inUse = words[IN_USE]! + 1;
    if (inUse > this.#count) return -1;
    words[IN_USE] = inUse;
    if (inUse > words[HIGH_WATER]!) words[HIGH_WATER] = inUse;
    let at = this.#at;
    while (words[at] === 0) at = at + 1 === this.#end ? BITS : at + 1;
    const word = words[at]!;
    words[at] = word & (word - 1);
    this.#at = at;
    return indexOf(at, word & -word);
  }

  /** Counts one up. @returns whether there is one */
  #reserve(): boolean {
    const words = this.#words;
    // A guess, which the exchange confirms: a plain read costs a tenth of an atomic one.
    let inUse = words[IN_USE]!;
    if (inUse >= this.#count) inUse = Atomics.load(words, IN_USE);
    while (inUse < this.#count) {
      const found = Atomics.compareExchange(words, IN_USE, inUse, inUse + 1);
      if (found === inUse) {
        if (inUse >= words[HIGH_WATER]!) this.#raiseHighWater(inUse + 1);
        return true;
      }
      inUse = found;
    }
    return false;
  }

  #raiseHighWater(inUse: number): void {
    let highest = Atomics.load(this.#words, HIGH_WATER);
    while (inUse > highest) {
      const found = Atomics.compareExchange(this.#words, HIGH_WATER, highest, inUse);
      if (found === highest) return;
      highest = found;
    }
  }

  /** Takes a bit. There is one: it was reserved. Whenever another thread is quicker, that one has made progress. */
  #search(): number {
    let at = this.#at;
    let index = this.#takeFrom(at, this.#words[at]!);
    while (index < 0) {
      at = at + 1 === this.#end ? BITS : at + 1;
      index = this.#takeFrom(at, Atomics.load(this.#words, at));
    }
    this.#at = at;
    return index;
  }

  /** Takes a bit of a word. @param word what it was last seen to be. @returns the bit's index, or -1 if the word has none */
  #takeFrom(at: number, word: number): number {
    let left = word;
    while (left !== 0) {
      const bit = left & -left;
      left = Atomics.and(this.#words, at, ~bit);
      if ((left & bit) !== 0) return indexOf(at, bit);
    }
    return -1;
  }
}

/** Index of the element that a bit of a word stands for. */
function indexOf(at: number, bit: number): number {
  return ((at - BITS) << 5) + 31 - Math.clz32(bit);
}
