/** One width of register access, with what is read and written. */
export interface Operand {
  readonly bits: 8 | 16 | 32 | 64;
  /** JavaScript for the value written. */
  readonly value: string;
  /** What every byte of the memory holds before a pattern. */
  readonly fill: number;
}

/** V8 compiles a 32-bit value below 2^31 and one above it to different code. */
export const operands: readonly Operand[] = [
  { bits: 8, value: "0x81", fill: 0xa5 },
  { bits: 16, value: "0x8001", fill: 0xa5 },
  { bits: 32, value: "1", fill: 0x5a },
  { bits: 32, value: "0x89abcdef", fill: 0xa5 },
  { bits: 64, value: "0x89abcdef01234567n", fill: 0xa5 },
];

/** A way to use the register accessors of one width, and the accesses it must make. */
export interface Pattern {
  readonly name: string;
  readonly operand: Operand;
  /** Body of a function of `region` and `value`. */
  readonly body: string;
  /** As `Trap.describe` writes them. */
  readonly expected: readonly string[];
}

/** The words that patterns are built from. A slot is the index of a register, `r0` the read of slot 0, as expected. */
interface Words {
  readonly read: (slot: number) => string;
  readonly write: (slot: number, value?: string) => string;
  /** Suffix of integer literals. */
  readonly n: string;
}

type Template = readonly [name: string, body: (words: Words) => string, expected: string];

/**
 * What optimising compilers like to do to memory accesses: drop, narrow, merge, hoist, forward, combine, reorder. Of the
 * accesses expected, `r1` is a read and `w1` a write of slot 1.
 */
const templates: readonly Template[] = [
  ["read, result used", ({ read }) => `return ${read(0)}`, "r0"],
  ["read, result unused", ({ read }) => `${read(0)}`, "r0"],
  ["read in a void expression", ({ read }) => `void ${read(0)}; return 0`, "r0"],
  ["read, low byte used", ({ read, n }) => `return ${read(0)} & 0xff${n}`, "r0"],
  ["read, low half used", ({ read, n }) => `return ${read(0)} & 0xffff${n}`, "r0"],
  ["read, low byte tested", ({ read, n }) => `return (${read(0)} & 0xff${n}) !== 0${n}`, "r0"],
  ["read, one bit tested", ({ read, n }) => `return (${read(0)} & 0x40${n}) !== 0${n} ? 1 : 2`, "r0"],
  ["read, shifted", ({ read, n }) => `return ${read(0)} >> 8${n}`, "r0"],
  ["read, result multiplied by zero", ({ read, n }) => `return ${read(0)} * 0${n}`, "r0"],
  [
    "read, narrowed twice from one read",
    ({ read, n }) => `const v = ${read(0)}; return (v & 0xff${n}) + (v >> 4${n})`,
    "r0",
  ],
  ["repeated read", ({ read }) => `return ${read(0)} + ${read(0)} + ${read(0)}`, "r0 r0 r0"],
  ["repeated read, unused", ({ read }) => `${read(0)}; ${read(0)}; ${read(0)}`, "r0 r0 r0"],
  ["read compared with itself", ({ read }) => `return ${read(0)} === ${read(0)}`, "r0 r0"],
  [
    "two registers, alternating",
    ({ read }) => `return ${read(0)} - ${read(1)} + ${read(0)} - ${read(1)}`,
    "r0 r1 r0 r1",
  ],
  [
    "neighbours, descending",
    ({ read }) => `return ${read(3)} - ${read(2)} - ${read(1)} - ${read(0)}`,
    "r3 r2 r1 r0",
  ],
  [
    "polling loop that finds nothing",
    ({ read, n }) => `for (let i = 0; i < 8; i++) if ((${read(0)} & 0xf${n}) === 3${n}) return i; return -1`,
    "r0 r0 r0 r0 r0 r0 r0 r0",
  ],
  [
    "polling loop that cannot find anything",
    ({ read, n }) => `for (let i = 0; i < 3; i++) if ((${read(0)} & 1${n}) === 2${n}) return i; return -1`,
    "r0 r0 r0",
  ],
  ["loop of unused reads", ({ read }) => `for (let i = 0; i < 5; i++) ${read(1)}`, "r1 r1 r1 r1 r1"],
  [
    "loop that sums the same register",
    ({ read, n }) => `let sum = 0${n}; for (let i = 0; i < 4; i++) sum += ${read(0)}; return sum`,
    "r0 r0 r0 r0",
  ],
  [
    "read only where a branch is taken",
    ({ read }) => `if (region.size === 0) return ${read(0)}; return ${read(1)}`,
    "r1",
  ],
  ["write", ({ write }) => write(0), "w0"],
  ["write of a constant", ({ write, n }) => write(0, `7${n}`), "w0"],
  ["identical consecutive writes", ({ write }) => `${write(0)}; ${write(0)}; ${write(0)}`, "w0 w0 w0"],
  ["write that is overwritten", ({ write, n }) => `${write(0)}; ${write(0, `0${n}`)}`, "w0 w0"],
  [
    "neighbours, constants",
    ({ write, n }) => [0, 1, 2, 3].map((slot) => write(slot, `0${n}`)).join("; "),
    "w0 w1 w2 w3",
  ],
  [
    "neighbours, descending writes",
    ({ write }) => [3, 2, 1, 0].map((slot) => write(slot)).join("; "),
    "w3 w2 w1 w0",
  ],
  ["loop of identical writes", ({ write }) => `for (let i = 0; i < 5; i++) ${write(0)}`, "w0 w0 w0 w0 w0"],
  ["write, then read of the same", ({ read, write }) => `${write(0)}; return ${read(0)}`, "w0 r0"],
  [
    "read, then write of the same value",
    ({ read, write }) => `const v = ${read(0)}; ${write(0, "v")}`,
    "r0 w0",
  ],
  ["read, modify, write", ({ read, write, n }) => `${write(0, `${read(0)} | 1${n}`)}`, "r0 w0"],
  ["read, increment, write", ({ read, write, n }) => `${write(0, `${read(0)} + 1${n}`)}`, "r0 w0"],
  ["copy of a register to another", ({ read, write }) => `${write(1, read(0))}`, "r0 w1"],
  ["write, flush by an unused read", ({ read, write }) => `${write(0)}; ${read(1)}`, "w0 r1"],
  [
    "index and data",
    ({ read, write }) => `${write(0)}; const a = ${read(1)}; ${write(0)}; return a - ${read(1)}`,
    "w0 r1 w0 r1",
  ],
  [
    "read around a write of another",
    ({ read, write }) => `const a = ${read(0)}; ${write(1)}; return a === ${read(0)}`,
    "r0 w1 r0",
  ],
];

function makePattern([name, body, expected]: Template, operand: Operand): Pattern {
  const { bits } = operand;
  const offset = (slot: number): number => (slot * bits) / 8;
  const words: Words = {
    read: (slot) => `region.read${bits}(${offset(slot)})`,
    write: (slot, value = "value") => `region.write${bits}(${offset(slot)}, ${value})`,
    n: bits === 64 ? "n" : "",
  };
  const spell = (access: string): string => {
    return `${access[0] === "r" ? "read" : "write"} ${bits} @0x${offset(Number(access.slice(1))).toString(16)}`;
  };
  return {
    name: `${bits} bits of ${operand.value}: ${name}`,
    operand,
    body: body(words),
    expected: expected.split(" ").map(spell),
  };
}

/** Registers of different widths, which one scratch memory could mix up. */
const mixed: readonly Pattern[] = [
  {
    name: "the same register in every width",
    operand: operands[3]!,
    body: "return region.read32(0) + region.read8(0) + region.read16(0) + Number(region.read64(0)) + region.read32(0)",
    expected: ["read 32 @0x0", "read 8 @0x0", "read 16 @0x0", "read 64 @0x0", "read 32 @0x0"],
  },
  {
    name: "the same register in every width, unused",
    operand: operands[3]!,
    body: "region.read8(0); region.read16(0); region.read32(0); region.read64(0)",
    expected: ["read 8 @0x0", "read 16 @0x0", "read 32 @0x0", "read 64 @0x0"],
  },
  {
    name: "narrow registers beside each other",
    operand: operands[3]!,
    body: "region.write8(0, value); region.write8(1, value); region.write16(2, value); return region.read32(0)",
    expected: ["write 8 @0x0", "write 8 @0x1", "write 16 @0x2", "read 32 @0x0"],
  },
];

/** Every template at every operand. */
export const patterns: readonly Pattern[] = [
  ...operands.flatMap((operand) => templates.map((template) => makePattern(template, operand))),
  ...mixed,
];
