import {
  type AccessKind,
  type Instruction,
  instructions,
  type MandatoryPrefix,
  type OpcodeMap,
} from "./opcodes.ts";

/** One instruction that touched the guarded memory, as the trap recorded it. */
export interface Touch {
  /** The address that faulted. */
  readonly address: bigint;
  /** Whether the processor says that it was a write (bit 1 of the page fault's error code). */
  readonly wrote: boolean;
  /** The instruction, with what follows it up to 15 bytes. */
  readonly code: Uint8Array;
  /** The general registers before it, in the order of their encoding: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15. */
  readonly registers: readonly bigint[];
}

/** One access to memory. */
export interface Access {
  readonly kind: AccessKind;
  /** In bytes. */
  readonly width: number;
  readonly address: bigint;
  /** Whether the bus is locked: by a `lock` prefix, or by xchg, which needs none. */
  readonly locked: boolean;
  /** The row of the table that says so. */
  readonly form: Instruction;
}

const RSI = 6;
const RDI = 7;
const XCHG = new Set([0x86, 0x87]);

/** What stands before ModRM. */
interface Encoding {
  readonly locked: boolean;
  readonly prefix: MandatoryPrefix;
  readonly operandSize: 2 | 4 | 8;
  readonly wide: boolean;
  readonly vectorLength: 16 | 32 | 64;
  /** Bit 3 of the index and of the base register. */
  readonly indexHigh: number;
  readonly baseHigh: number;
  /** Whether an 8-bit displacement counts operand widths instead of bytes (EVEX). */
  readonly scaled: boolean;
  readonly map: OpcodeMap;
  readonly opcode: number;
  /** Where ModRM is in the code. */
  readonly next: number;
}

interface Legacy {
  lock: boolean;
  size: boolean;
  repeat: "f3" | "f2" | undefined;
}

/** Takes in a prefix. False for any other byte, and for prefixes that no table row expects: segments, 32-bit addresses. */
function legacyPrefix(byte: number, seen: Legacy): boolean {
  if (byte === 0xf0) seen.lock = true;
  else if (byte === 0x66) seen.size = true;
  else if (byte === 0xf3) seen.repeat = "f3";
  else if (byte === 0xf2) seen.repeat = "f2";
  else return byte === 0x3e || byte === 0x2e; // hints without effect in 64-bit mode
  return true;
}

const escapes: Readonly<Record<number, OpcodeMap>> = { 1: "0f", 2: "0f38", 3: "0f3a" };
const vexPrefixes = ["none", "66", "f3", "f2"] as const;

function readLegacy(code: Uint8Array, seen: Legacy, start: number): Encoding {
  let next = start;
  const hasRex = (code[next]! & 0xf0) === 0x40;
  const rex = hasRex ? code[next++]! : 0;
  let map: OpcodeMap = "one";
  if (code[next] === 0x0f) {
    next++;
    map = code[next] === 0x38 ? "0f38" : code[next] === 0x3a ? "0f3a" : "0f";
    if (map !== "0f") next++;
  }
  const wide = (rex & 8) !== 0;
  return {
    locked: seen.lock,
    prefix: seen.repeat ?? (seen.size ? "66" : "none"),
    operandSize: wide ? 8 : seen.size ? 2 : 4,
    wide,
    vectorLength: 16,
    indexHigh: (rex & 2) << 2,
    baseHigh: (rex & 1) << 3,
    scaled: false,
    map,
    opcode: code[next]!,
    next: next + 1,
  };
}

/** VEX (C5 with two bytes, C4 with three) and EVEX (62 with four); SDM volume 2, sections 2.3.5 and 2.7.1. */
function readVector(code: Uint8Array, start: number): Encoding | undefined {
  const kind = code[start]!;
  const payload = code.subarray(start + 1, start + { 197: 2, 196: 3, 98: 4 }[kind]!);
  const [first = 0, second = 0, third = 0] = kind === 0xc5 ? [0xe1, payload[0]!] : payload;
  const isEvex = kind === 0x62;
  const map = escapes[first & (isEvex ? 7 : 0x1f)];
  const masked = isEvex && (third & 0x17) !== 0;
  const length = isEvex ? (third >> 5) & 3 : (second >> 2) & 1;
  if (map === undefined || masked || length === 3) return undefined;
  const next = start + 1 + payload.length;
  return {
    locked: false,
    prefix: vexPrefixes[second & 3]!,
    operandSize: (second & 0x80) !== 0 && kind !== 0xc5 ? 8 : 4,
    wide: (second & 0x80) !== 0 && kind !== 0xc5,
    vectorLength: (16 << length) as 16 | 32 | 64,
    indexHigh: (~first & 0x40) >> 3,
    baseHigh: (~first & 0x20) >> 2,
    scaled: isEvex,
    map,
    opcode: code[next]!,
    next: next + 1,
  };
}

function readEncoding(code: Uint8Array): Encoding | undefined {
  const seen: Legacy = { lock: false, size: false, repeat: undefined };
  let at = 0;
  while (at < code.length && legacyPrefix(code[at]!, seen)) at++;
  const byte = code[at];
  if (byte === undefined) return undefined;
  return byte === 0xc4 || byte === 0xc5 || byte === 0x62 ? readVector(code, at) : readLegacy(code, seen, at);
}

function widthOf(form: Instruction, encoding: Encoding): number {
  switch (form.width) {
    case "v":
      return encoding.operandSize;
    case "y":
      return encoding.wide ? 8 : 4;
    case "pair":
      return encoding.wide ? 16 : 8;
    case "x":
      return encoding.vectorLength;
    default:
      return form.width;
  }
}

function matches(form: Instruction, encoding: Encoding, extension: number): boolean {
  return (
    form.map === encoding.map &&
    form.opcodes.includes(encoding.opcode) &&
    (form.prefixes.includes("any") || form.prefixes.includes(encoding.prefix)) &&
    (form.extensions === undefined || form.extensions.includes(extension))
  );
}

/** The address in ModRM, SIB and displacement, or undefined for a register or an address relative to rip. */
function modrmAddress(touch: Touch, encoding: Encoding, width: number): bigint | undefined {
  const { code, registers } = touch;
  const bytes = new DataView(code.buffer, code.byteOffset, code.length);
  const modrm = code[encoding.next]!;
  const mod = modrm >> 6;
  let next = encoding.next + 1;
  let base: number | undefined = modrm & 7;
  let address = 0n;
  if (mod === 3 || (mod === 0 && base === 5)) return undefined;
  if (base === 4) {
    const sib = code[next++]!;
    const index = ((sib >> 3) & 7) | encoding.indexHigh;
    if (index !== 4) address += registers[index]! << BigInt(sib >> 6);
    base = sib & 7;
    if (base === 5 && mod === 0) {
      base = undefined;
      address += BigInt(bytes.getInt32(next, true));
    }
  }
  if (base !== undefined) address += registers[base | encoding.baseHigh]!;
  if (mod === 1) address += BigInt(bytes.getInt8(next) * (encoding.scaled ? width : 1));
  if (mod === 2) address += BigInt(bytes.getInt32(next, true));
  return BigInt.asUintN(64, address);
}

function addressOf(form: Instruction, touch: Touch, encoding: Encoding, width: number): bigint | undefined {
  switch (form.place) {
    case "rsi":
      return touch.registers[RSI];
    case "rdi":
      return touch.registers[RDI];
    case "absolute":
      return new DataView(touch.code.buffer, touch.code.byteOffset).getBigUint64(encoding.next, true);
    default:
      return modrmAddress(touch, encoding, width);
  }
}

/** The accesses of an instruction to its explicit operands, or undefined if it is not in the table. */
export function decode(touch: Touch): Access[] | undefined {
  const encoding = readEncoding(touch.code);
  if (encoding === undefined) return undefined;
  const extension = (touch.code[encoding.next]! >> 3) & 7;
  const accesses: Access[] = [];
  for (const form of instructions.filter((candidate) => matches(candidate, encoding, extension))) {
    const width = widthOf(form, encoding);
    const address = addressOf(form, touch, encoding, width);
    if (address === undefined) return undefined;
    const exchanges = encoding.map === "one" && XCHG.has(encoding.opcode);
    accesses.push({ kind: form.kind, width, address, locked: encoding.locked || exchanges, form });
  }
  return accesses.length > 0 ? accesses : undefined;
}
