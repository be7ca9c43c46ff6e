import type { AccessHandler, AccessWidth } from "@userpci/device-model";
import type { RegisterBank } from "@userpci/device-model/registers";
import { type eduRegisters, register } from "../registers.ts";

type EduRows = (typeof eduRegisters)["rows"];

/** Where accesses of 64 bits are answered too. */
const WIDE_FROM = register.DMA_SOURCE;

const ONES = 0xffff_ffff;
const ONES64 = 0xffff_ffff_ffff_ffffn;

/**
 * The accesses of QEMU's edu, which has its own ways: nothing narrower than 32 bits reaches it, and reads 0; what reaches it and finds no
 * register, or is too wide, reads ones and writes nothing. A register of 64 bits answers 32 at its own offset alone: they read
 * its low half and write the whole.
 */
export class EduAccess implements Required<AccessHandler> {
  readonly #bank: RegisterBank<EduRows>;

  constructor(bank: RegisterBank<EduRows>) {
    this.#bank = bank;
  }

  read(offset: number, width: AccessWidth): number {
    if (width !== 4) return 0;
    return offset < WIDE_FROM || isWide(offset) ? this.#bank.read(offset, 4) : ONES;
  }

  write(offset: number, width: AccessWidth, value: number): void {
    if (width !== 4) return;
    if (isWide(offset)) this.#bank.write64(offset, BigInt(value));
    else if (offset < WIDE_FROM) this.#bank.write(offset, 4, value);
  }

  read64(offset: number): bigint {
    return isWide(offset) ? this.#bank.read64(offset) : ONES64;
  }

  write64(offset: number, value: bigint): void {
    if (isWide(offset)) this.#bank.write64(offset, value);
  }
}

/** Whether a register of 64 bits begins here: they follow each other to the end of the table. */
const isWide = (offset: number): boolean =>
  offset >= WIDE_FROM && offset <= register.DMA_COMMAND && offset % 8 === 0;
