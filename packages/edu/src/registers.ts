import { type RegisterField, type RegisterRows, registerTable } from "@userpci/device-model/registers";

/**
 * Registers of edu in BAR 0, as QEMU documents them (docs/specs/edu.rst). Those below 0x80 take accesses of 32 bits, the others
 * also of 64.
 */
export const eduRegisters = registerTable("edu", {
  IDENTIFICATION: {
    offset: 0x00,
    width: 32,
    access: "ro",
    reset: 0x0100_00ed,
    doc: "What it is",
    fields: {
      MAGIC: { lo: 0, hi: 15, doc: "0x00ed" },
      MINOR: { lo: 16, hi: 23, doc: "Minor version" },
      MAJOR: { lo: 24, hi: 31, doc: "Major version" },
    },
  },
  LIVENESS: { offset: 0x04, width: 32, access: "rw", doc: "Reads the inverse of what was written" },
  FACTORIAL: {
    offset: 0x08,
    width: 32,
    access: "rw",
    doc: "Write n; reads n! modulo 2^32 once it is computed",
    effect: "Writes while it computes are ignored.",
  },
  STATUS: {
    offset: 0x20,
    width: 32,
    access: "ro",
    doc: "State of the computation",
    fields: {
      COMPUTING: { lo: 0, doc: "The factorial is being computed" },
      INTERRUPT_WHEN_DONE: { lo: 7, access: "rw", doc: "Interrupts at the end of a computation" },
    },
  },
  INTERRUPT_STATUS: {
    offset: 0x24,
    width: 32,
    access: "ro",
    doc: "Causes of the pending interrupt",
    fields: {
      FACTORIAL: { lo: 0, doc: "A computation is done" },
      DMA: { lo: 8, doc: "A transfer is done" },
    },
  },
  INTERRUPT_RAISE: { offset: 0x60, width: 32, access: "wo", doc: "Adds causes, and interrupts" },
  INTERRUPT_ACKNOWLEDGE: {
    offset: 0x64,
    width: 32,
    access: "wo",
    doc: "Takes causes away",
    effect: "With none left, INTx falls.",
  },
  DMA_SOURCE: { offset: 0x80, width: 64, access: "rw", doc: "Bus or device address to read from" },
  DMA_DESTINATION: { offset: 0x88, width: 64, access: "rw", doc: "Bus or device address to write to" },
  DMA_COUNT: { offset: 0x90, width: 64, access: "rw", doc: "Bytes to move" },
  DMA_COMMAND: {
    offset: 0x98,
    width: 64,
    access: "rw",
    doc: "Starts a transfer",
    effect: "Writes without START are ignored, and while a transfer runs those to every DMA register.",
    fields: {
      START: { lo: 0, doc: "Starts it; reads 1 until it is over" },
      FROM_DEVICE: { lo: 1, doc: "From the device's buffer to memory; 0: the other way" },
      INTERRUPT_WHEN_DONE: { lo: 2, doc: "Interrupts at its end" },
    },
  },
});

const { rows } = eduRegisters;

/** Size of BAR 0, in bytes. */
export const BAR_SIZE = 0x10_0000;

/** Offsets of the registers, in bytes. */
export const register = offsetsOf(rows);

/** Low 16 bits of the identification register of every edu. */
export const IDENTIFICATION_MAGIC = 0x00ed;

/** Bits of the status register. */
export const status = flagsOf(rows.STATUS.fields);

/** Bits of the DMA command register. */
export const dmaCommand = flagsOf(rows.DMA_COMMAND.fields);

/** Causes that the device itself raises. */
export const cause = flagsOf(rows.INTERRUPT_STATUS.fields);

/** Where the device's own buffer lies in its DMA addresses, and its size in bytes. */
export const deviceBuffer = { ADDRESS: 0x40000, SIZE: 4096 } as const;

/** The widest address that edu drives by default, in bits (its `dma_mask` property). */
export const DMA_BITS = 28;

function offsetsOf<Rows extends RegisterRows>(of: Rows): Readonly<Record<keyof Rows, number>> {
  return mapValues(of, (row: RegisterRows[string]) => row.offset);
}

/** The bits of fields that are flags, below bit 31. */
function flagsOf<Fields extends Readonly<Record<string, RegisterField>>>(
  fields: Fields,
): Readonly<Record<keyof Fields, number>> {
  return mapValues(fields, (field: RegisterField) => 1 << field.lo);
}

function mapValues<From, Named extends Readonly<Record<string, From>>>(
  named: Named,
  value: (from: From) => number,
): Readonly<Record<keyof Named, number>> {
  const entries = Object.entries<From>(named).map(([name, from]) => [name, value(from)] as const);
  return Object.freeze(Object.fromEntries(entries)) as Readonly<Record<keyof Named, number>>;
}
