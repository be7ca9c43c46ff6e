/**
 * What x86-64 instructions do to their memory operand (Intel SDM, volume 2, appendix A): the forms that V8, libc and
 * C compilers use to move and combine integers and floats. Any other instruction is unknown, which fails the test that
 * met it. `trap.test.ts` runs every row.
 */

/** `modify` reads and writes. */
export type AccessKind = "read" | "write" | "modify";

/**
 * Bytes of the operand, or what decides them: `v` the operand size (2, 4, 8), `y` REX.W (4, 8), `pair` twice `y`, `x` the
 * vector length (16, 32, 64).
 */
export type Width = 1 | 2 | 4 | 8 | 16 | "v" | "y" | "pair" | "x";

/** Escape bytes before the opcode. */
export type OpcodeMap = "one" | "0f" | "0f38" | "0f3a";

/** The prefix that takes part in the opcode: none, 66, F3 or F2. `any` where 66 only sets the operand size. */
export type MandatoryPrefix = "any" | "none" | "66" | "f3" | "f2";

/** Where the operand is: by ModRM, at an address in the instruction, at rsi, at rdi. */
export type OperandPlace = "modrm" | "absolute" | "rsi" | "rdi";

/** One form. Several rows of the same opcode are several operands. */
export interface Instruction {
  readonly map: OpcodeMap;
  readonly prefixes: readonly MandatoryPrefix[];
  readonly opcodes: readonly number[];
  readonly kind: AccessKind;
  readonly width: Width;
  /** Values of ModRM's middle field that select this form; all if absent. */
  readonly extensions?: readonly number[];
  readonly place: OperandPlace;
}

const range = (first: number, last: number): number[] => {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
};

function form(
  map: OpcodeMap,
  prefixes: string,
  opcodes: readonly number[],
  does: string,
  extensions?: readonly number[],
): Instruction {
  const [kind, width, place = "modrm"] = does.split(" ");
  return {
    map,
    prefixes: prefixes.split(" ") as MandatoryPrefix[],
    opcodes,
    kind: kind as AccessKind,
    width: (Number(width) || width) as Width,
    place: place as OperandPlace,
    ...(extensions && { extensions }),
  };
}

/** The arithmetic group: add, or, adc, sbb, and, sub, xor at 00, 08, … 30; cmp at 38 only reads. */
const group = (low: number): number[] => range(0, 6).map((operation) => operation * 8 + low);

export const instructions: readonly Instruction[] = [
  form("one", "any", group(0x00), "modify 1"),
  form("one", "any", group(0x01), "modify v"),
  form("one", "any", [...group(0x02), 0x38, 0x3a], "read 1"),
  form("one", "any", [...group(0x03), 0x39, 0x3b], "read v"),
  form("one", "any", [0x63], "read 4"), // movsxd
  form("one", "any", [0x69, 0x6b], "read v"), // imul
  form("one", "any", [0x80], "modify 1", range(0, 6)),
  form("one", "any", [0x80], "read 1", [7]),
  form("one", "any", [0x81, 0x83], "modify v", range(0, 6)),
  form("one", "any", [0x81, 0x83], "read v", [7]),
  form("one", "any", [0x84], "read 1"), // test
  form("one", "any", [0x85], "read v"),
  form("one", "any", [0x86], "modify 1"), // xchg
  form("one", "any", [0x87], "modify v"),
  form("one", "any", [0x88], "write 1"), // mov
  form("one", "any", [0x89], "write v"),
  form("one", "any", [0x8a], "read 1"),
  form("one", "any", [0x8b], "read v"),
  form("one", "any", [0x8f], "write 8", [0]), // pop
  form("one", "any", [0xa0], "read 1 absolute"), // mov at a 64-bit address
  form("one", "any", [0xa1], "read v absolute"),
  form("one", "any", [0xa2], "write 1 absolute"),
  form("one", "any", [0xa3], "write v absolute"),
  form("one", "any", [0xa4], "read 1 rsi"), // movs
  form("one", "any", [0xa4], "write 1 rdi"),
  form("one", "any", [0xa5], "read v rsi"),
  form("one", "any", [0xa5], "write v rdi"),
  form("one", "any", [0xaa], "write 1 rdi"), // stos
  form("one", "any", [0xab], "write v rdi"),
  form("one", "any", [0xac], "read 1 rsi"), // lods
  form("one", "any", [0xad], "read v rsi"),
  form("one", "any", [0xc0, 0xd0, 0xd2], "modify 1"), // shifts
  form("one", "any", [0xc1, 0xd1, 0xd3], "modify v"),
  form("one", "any", [0xc6], "write 1", [0]), // mov of an immediate
  form("one", "any", [0xc7], "write v", [0]),
  form("one", "any", [0xf6], "read 1", [0, 1, 4, 5, 6, 7]), // test, mul, div
  form("one", "any", [0xf6], "modify 1", [2, 3]), // not, neg
  form("one", "any", [0xf7], "read v", [0, 1, 4, 5, 6, 7]),
  form("one", "any", [0xf7], "modify v", [2, 3]),
  form("one", "any", [0xfe], "modify 1", [0, 1]), // inc, dec
  form("one", "any", [0xff], "modify v", [0, 1]),
  form("one", "any", [0xff], "read 8", [2, 4, 6]), // call, jmp, push

  form("0f", "none 66", [0x10, 0x28], "read x"), // movups, movaps
  form("0f", "f3", [0x10], "read 4"), // movss
  form("0f", "f2", [0x10], "read 8"), // movsd
  form("0f", "none 66", [0x11, 0x29, 0x2b], "write x"),
  form("0f", "f3", [0x11], "write 4"),
  form("0f", "f2", [0x11], "write 8"),
  form("0f", "none 66", [0x12, 0x16], "read 8"), // movlps, movhps
  form("0f", "none 66", [0x13, 0x17], "write 8"),
  form("0f", "f3 f2", [0x2a], "read y"), // cvtsi2ss, cvtsi2sd
  form("0f", "f3", [0x2c, 0x2d, 0x51, 0x58, 0x59, 0x5a, 0x5c, 0x5d, 0x5e, 0x5f], "read 4"), // arithmetic on one float
  form("0f", "f2", [0x2c, 0x2d, 0x51, 0x58, 0x59, 0x5a, 0x5c, 0x5d, 0x5e, 0x5f], "read 8"),
  form("0f", "none", [0x2e, 0x2f], "read 4"), // ucomiss
  form("0f", "66", [0x2e, 0x2f], "read 8"),
  form("0f", "any", range(0x40, 0x4f), "read v"), // cmov
  form("0f", "66", [0x6e], "read y"), // movd, movq
  form("0f", "66 f3", [0x6f], "read x"), // movdqa, movdqu
  form("0f", "66", [0x7e], "write y"),
  form("0f", "f3", [0x7e], "read 8"),
  form("0f", "66 f3", [0x7f], "write x"),
  form("0f", "any", range(0x90, 0x9f), "write 1"), // set
  form("0f", "any", [0xa3], "read v"), // bt
  form("0f", "any", [0xab, 0xb3, 0xbb], "modify v"), // bts, btr, btc
  form("0f", "any", [0xaf], "read v"), // imul
  form("0f", "any", [0xb0, 0xc0], "modify 1"), // cmpxchg, xadd
  form("0f", "any", [0xb1, 0xc1], "modify v"),
  form("0f", "any", [0xb6, 0xbe], "read 1"), // movzx, movsx
  form("0f", "any", [0xb7, 0xbf], "read 2"),
  form("0f", "any", [0xb8, 0xbc, 0xbd], "read v"), // popcnt, bsf, bsr
  form("0f", "any", [0xba], "read v", [4]),
  form("0f", "any", [0xba], "modify v", [5, 6, 7]),
  form("0f", "none", [0xc3], "write y"), // movnti
  form("0f", "any", [0xc7], "modify pair", [1]), // cmpxchg8b, cmpxchg16b
  form("0f", "66", [0xd6], "write 8"), // movq
  form("0f", "66", [0xe7], "write x"), // movntdq
  form("0f", "f2", [0xf0], "read x"), // lddqu

  form("0f38", "none 66", [0xf0], "read v"), // movbe
  form("0f38", "none 66", [0xf1], "write v"),
  form("0f38", "none 66 f3 f2", [0xf7], "read y"), // bextr, shlx, sarx, shrx
  form("0f3a", "66", [0x14], "write 1"), // pextrb
  form("0f3a", "66", [0x15], "write 2"),
  form("0f3a", "66", [0x16], "write y"),
  form("0f3a", "66", [0x20], "read 1"), // pinsrb
  form("0f3a", "66", [0x22], "read y"),
  form("0f3a", "f2", [0xf0], "read y"), // rorx
];
