import { PciError } from "@userpci/interface";
import { deviceBuffer } from "../registers.ts";

/** What of an edu outlives a migration. */
export interface EduState {
  /** Microseconds until the factorial is computed, if one is being computed. */
  readonly factorialUs: number;
  /** Microseconds until the transfer ends, if one is under way. */
  readonly transferUs: number;
  readonly buffer: Uint8Array;
  /** What the register bank saves. */
  readonly registers: Uint8Array;
}

/** The longest that a work takes, in microseconds: a minute. */
export const LONGEST_US = 60_000_000;

const BUFFER_AT = 16;
const REGISTERS_AT = BUFFER_AT + deviceBuffer.SIZE;

/** As bytes: two times of 64 bits, little-endian floating point; the buffer; the registers. */
export function saveState({ factorialUs, transferUs, buffer, registers }: EduState): Uint8Array {
  const bytes = new Uint8Array(REGISTERS_AT + registers.length);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, factorialUs, true);
  view.setFloat64(8, transferUs, true);
  bytes.set(buffer, BUFFER_AT);
  bytes.set(registers, REGISTERS_AT);
  return bytes;
}

/** @throws PciError `ERR_PROTOCOL` for what {@link saveState} did not make; the registers are left for the bank to check */
export function loadState(bytes: Uint8Array): EduState {
  if (bytes.length < REGISTERS_AT) throw noState(`${bytes.length} bytes, fewer than ${REGISTERS_AT}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [factorialUs, transferUs] = [view.getFloat64(0, true), view.getFloat64(8, true)];
  for (const us of [factorialUs, transferUs]) {
    if (!(us >= 0 && us <= LONGEST_US)) throw noState(`a work under way that takes ${us} us`);
  }
  return {
    factorialUs,
    transferUs,
    buffer: bytes.subarray(BUFFER_AT, REGISTERS_AT),
    registers: bytes.subarray(REGISTERS_AT),
  };
}

const noState = (what: string): PciError =>
  new PciError("ERR_PROTOCOL", `the state of edu has ${what}`, {
    hint: "load what save() of the same version of the model made",
  });
