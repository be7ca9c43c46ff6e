import { checkInteger, checkType, type DmaMemory, PciError } from "@userpci/interface";

/** The caller's bytes among those that are mapped, which are whole pages. */
export interface CallerWindow {
  /** Bytes into the memory. */
  readonly offset: number;
  readonly size: number;
  /** Where they begin in the memory's buffer. */
  readonly start: number;
}

/**
 * Looks at what memory says of itself, once: it may be another package's.
 *
 * @param offset of what is mapped, in bytes
 * @param size of that
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for memory whose `lead`, `length`, `byteOffset` and `buffer` do
 * not go together, and where none of the caller's bytes is mapped
 */
export function callerWindow(memory: DmaMemory, offset: number, size: number): CallerWindow {
  const { size: most, buffer, byteOffset = 0, lead = 0 } = memory;
  checkInteger("lead of the memory", lead, 0, most - 1);
  const { length = most - lead } = memory;
  checkInteger("length of the memory", length, 1, most - lead);
  checkInteger("byteOffset of the memory", byteOffset, -most, Number.MAX_SAFE_INTEGER - most);
  checkType("buffer of the memory", buffer, "object");
  const first = Math.max(offset, lead);
  const end = Math.min(offset + size, lead + length);
  if (first >= end) {
    throw new PciError("ERR_OUT_OF_RANGE", `bytes ${offset} to ${offset + size - 1} are not the caller's`, {
      hint: `map some of bytes ${lead} to ${lead + length - 1}`,
    });
  }
  checkInBuffer(byteOffset + first, byteOffset + end, buffer.byteLength);
  return { offset: first, size: end - first, start: byteOffset + first };
}

/** Memory without bytes of this process, such as a BAR, has an empty buffer, and that of bytes that were transferred is. */
function checkInBuffer(start: number, end: number, length: number): void {
  if (length === 0 || (start >= 0 && end <= length)) return;
  throw new PciError(
    "ERR_OUT_OF_RANGE",
    `the memory's bytes ${start} to ${end - 1} are not in its buffer of ${length}`,
    { hint: "mend the source of the memory: size, byteOffset, lead and length tell where in buffer it is" },
  );
}
