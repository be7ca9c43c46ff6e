/** Numbers from a seed (xorshift32), so that a run can be repeated. */
export class Numbers {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  /** From 0 to below `end`. */
  below(end: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % end;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }
}

/** Most bytes of an input. */
const LONGEST = 4096;

type Mutation = (bytes: Uint8Array, numbers: Numbers, other: Uint8Array) => Uint8Array;

/** Where a byte is likely to matter: in the header, the list of capabilities, the first extended ones. */
function place(bytes: Uint8Array, numbers: Numbers): number {
  return numbers.below(Math.min(bytes.length, numbers.pick([64, 256, 512, LONGEST])) || 1);
}

function put(bytes: Uint8Array, at: number, ...values: readonly number[]): Uint8Array {
  for (let i = 0; i < values.length && at + i < bytes.length; i++) bytes[at + i] = values[i]!;
  return bytes;
}

/** A capability of any id at any place, which the list leads to. */
function capability(bytes: Uint8Array, numbers: Numbers): Uint8Array {
  const at = 0x40 + 4 * numbers.below(48);
  put(bytes, 0x06, 0x10);
  put(bytes, at, numbers.below(0x18), bytes[0x34] ?? 0);
  return put(bytes, 0x34, at);
}

/** A capability that the end of the space cuts off. */
function cutCapability(bytes: Uint8Array, numbers: Numbers): Uint8Array {
  const longer = new Uint8Array(Math.max(bytes.length, 0x100));
  longer.set(bytes);
  capability(longer, numbers);
  return longer.subarray(0, (longer[0x34] ?? 0) + 4 * (1 + numbers.below(4)));
}

/** An extended capability of any id and version, at the first place or behind it. */
function extendedCapability(bytes: Uint8Array, numbers: Numbers): Uint8Array {
  const at = 0x100 + 4 * numbers.pick([0, 0, numbers.below(64), numbers.below(960)]);
  const next = 0x100 + 4 * numbers.below(80);
  const version = numbers.below(5);
  return put(bytes, at, numbers.below(0x38), 0, version | ((next & 0xf) << 4), next >> 4);
}

/** A part of another input that was worth keeping, at the same or another place. */
function splice(bytes: Uint8Array, numbers: Numbers, other: Uint8Array): Uint8Array {
  const from = place(other, numbers);
  const part = other.subarray(from, from + 1 + numbers.below(64));
  return put(bytes, numbers.below(2) ? from : place(bytes, numbers), ...part);
}

function resize(bytes: Uint8Array, numbers: Numbers): Uint8Array {
  const length = numbers.pick([0, 1, 63, 64, 128, 256, 260, 512, LONGEST, numbers.below(LONGEST)]);
  const resized = new Uint8Array(length);
  resized.set(bytes.subarray(0, length));
  return resized;
}

function insert(bytes: Uint8Array, numbers: Numbers): Uint8Array {
  const at = place(bytes, numbers);
  const added = Uint8Array.from({ length: 1 + numbers.below(8) }, () => numbers.below(256));
  return Uint8Array.of(...bytes.subarray(0, at), ...added, ...bytes.subarray(at)).subarray(0, LONGEST);
}

const remove: Mutation = (bytes, numbers) => {
  const at = place(bytes, numbers);
  return Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 1 + numbers.below(8)));
};

const words = [
  "0000:00:00.0 \n",
  "00: ",
  "10: ff ff\n",
  "CAP_PM+4.w=",
  "ECAP_AER",
  "=2:6",
  "\t\t",
  '{"',
  "bytes",
  "8086:",
];

/** Each changes or replaces the bytes it gets. */
const mutations: readonly Mutation[] = [
  (bytes, numbers) => put(bytes, place(bytes, numbers), numbers.below(256)),
  (bytes, numbers) => put(bytes, place(bytes, numbers), numbers.pick([0, 1, 2, 0x7f, 0x80, 0xff])),
  (bytes, numbers) => {
    const at = place(bytes, numbers);
    return put(bytes, at, (bytes[at] ?? 0) ^ (1 << numbers.below(8)));
  },
  (bytes, numbers) => put(bytes, place(bytes, numbers), ...Buffer.from(numbers.pick(words))),
  capability,
  capability,
  cutCapability,
  extendedCapability,
  extendedCapability,
  splice,
  insert,
  remove,
  resize,
];

/** A changed copy of `bytes`. */
export function mutate(bytes: Uint8Array, other: Uint8Array, numbers: Numbers): Uint8Array {
  let changed: Uint8Array = bytes.slice();
  for (let count = 1 + numbers.below(6); count > 0; count--) {
    changed = numbers.pick(mutations)(changed, numbers, other);
  }
  return changed;
}
