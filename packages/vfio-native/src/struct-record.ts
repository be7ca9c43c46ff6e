import type { Fields, FieldType, Struct, Values } from "./struct.ts";

/** Names of the fields of one type. */
export type Names<F extends Fields, T extends FieldType> = {
  [K in keyof F]: F[K] extends T ? K : never;
}[keyof F];

/**
 * One structure that is filled anew for each call: for calls so short that packing, which makes bytes and views each time,
 * would take as long as they do.
 */
export class StructRecord<F extends Fields> {
  /** They never move. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #offsets: { readonly [K in keyof F]: number };
  readonly #u32: Uint32Array;
  readonly #u64: BigUint64Array;

  /**
   * @param struct whose size is a multiple of 8
   * @param values of the fields that stay; the others are zero at first
   */
  constructor(struct: Struct<F>, values: Partial<Values<F>> = {}) {
    const buffer = new ArrayBuffer(struct.size);
    this.bytes = new Uint8Array(buffer);
    struct.write(this.bytes, values);
    this.#offsets = struct.offsets;
    this.#u32 = new Uint32Array(buffer);
    this.#u64 = new BigUint64Array(buffer);
  }

  /** Sets a 32-bit field. `value` wraps around. */
  setU32(field: Names<F, "u32">, value: number): void {
    this.#u32[this.#offsets[field] >>> 2] = value;
  }

  /** Sets a 64-bit field. `value` wraps around. */
  setU64(field: Names<F, "u64">, value: bigint): void {
    this.#u64[this.#offsets[field] >>> 3] = value;
  }

  /** {@link setU64} without making a bigint of `value`, a safe integer. */
  setNumber(field: Names<F, "u64">, value: number): void {
    const index = this.#offsets[field] >>> 2;
    this.#u32[index] = value;
    this.#u32[index + 1] = value < 2 ** 32 ? 0 : value / 2 ** 32;
  }

  /** A 64-bit field as a number, rounded above 2^53. */
  getNumber(field: Names<F, "u64">): number {
    const index = this.#offsets[field] >>> 2;
    const high = this.#u32[index + 1]!;
    return high === 0 ? this.#u32[index]! : this.#u32[index]! + high * 2 ** 32;
  }
}
