/** 2^32 divided by the golden ratio, odd: multiples of it are spread evenly over 32 bits. */
const STRIDE = 0x9e37_79b9;

/** The finaliser of MurmurHash3 (Austin Appleby, public domain): each bit of the result depends on every bit of `value`. */
function mix(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** A stream's beginning: the seed and its name, as 32 bits. */
export function streamOf(seed: number, name: string): number {
  let state = mix(seed);
  for (let i = 0; i < name.length; i++) state = mix(state ^ Math.imul(name.charCodeAt(i) + i, STRIDE));
  return state;
}

/**
 * The `n`-th number of a stream: a generator that counts (SplitMix in 32 bits). What one stream gives does not depend on how
 * much was taken of another, so that a kind of fault happens at the same places whatever others a plan has.
 *
 * @returns 0 to 2^32 - 1
 */
export function randomAt(stream: number, n: number): number {
  return mix((stream + Math.imul(n, STRIDE)) | 0);
}

/** Whether something of a chance from 0 to 1 happens the `n`-th time. */
export function happens(stream: number, n: number, chance: number): boolean {
  return randomAt(stream, n) < chance * 2 ** 32;
}
