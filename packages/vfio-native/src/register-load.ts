/**
 * Reads of device registers: each is one load of its width, whatever becomes of the value.
 *
 * A plain element of a typed array would not do: V8 drops a load whose value is not used, narrows one that is masked, and
 * merges two of the same element. `Atomics.load` does none of that, and costs a call of 8 ns. So the value goes
 * through memory that V8 cannot know the contents of: the store needs all of its bits, and whatever was loaded before it
 * has to be loaded again. `tests/native/one-access` proves it for each V8 up to {@link PROVEN}, tier by tier; a newer one
 * gets `Atomics.load` until it is proven too.
 *
 * @packageDocumentation
 */

/** The newest V8 for which the proof has been run (`npm run test:nodes`): that of Node 26. */
const PROVEN = 14;

// Outside V8's heap, as only a buffer made first is, so that compiled code knows the address.
const scratch = new ArrayBuffer(64);
const scratch8 = new Uint8Array(scratch);
const scratch16 = new Uint16Array(scratch);
const scratch32 = new Uint32Array(scratch);
const scratch64 = new BigUint64Array(scratch);

const isProven = Number.parseInt(process.versions.v8, 10) <= PROVEN;

/** Reads 8 bits. `index` must be inside `view`; it is not checked, here and below. */
export const load8: (view: Uint8Array, index: number) => number = isProven ? bounce8 : Atomics.load;

/** Reads 16 bits. */
export const load16: (view: Uint16Array, index: number) => number = isProven ? bounce16 : Atomics.load;

/** Reads 32 bits, unsigned. */
export const load32: (view: Uint32Array, index: number) => number = isProven ? bounce32 : Atomics.load;

/** Reads 64 bits, unsigned, in one access. */
export const load64: (view: BigUint64Array, index: number) => bigint = isProven ? bounce64 : Atomics.load;

function bounce8(view: Uint8Array, index: number): number {
  scratch8[0] = view[index]!;
  return scratch8[0];
}

function bounce16(view: Uint16Array, index: number): number {
  scratch16[0] = view[index]!;
  return scratch16[0];
}

function bounce32(view: Uint32Array, index: number): number {
  scratch32[0] = view[index]!;
  return scratch32[0];
}

function bounce64(view: BigUint64Array, index: number): bigint {
  scratch64[0] = view[index]!;
  return scratch64[0];
}

const ONES64 = 0xffff_ffff_ffff_ffffn;

/** Whether the value that {@link load64} has just returned has all bits set. Numbers are compared, where it can be: bigints cost 4 ns. */
export const isOnes64: (value: bigint) => boolean = isProven
  ? () => scratch32[0] === 0xffff_ffff && scratch32[1] === 0xffff_ffff
  : (value) => value === ONES64;
