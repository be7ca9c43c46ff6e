import type { RegisterRow, RegisterRows } from "./table.ts";

/** One register of a table; of an array, one of its elements. */
export interface RegisterElement {
  readonly name: string;
  readonly row: RegisterRow;
  /** Of an array; 0 of others. */
  readonly index: number;
  /** Bytes from the start of the BAR. */
  readonly offset: number;
  /** Width in bytes. */
  readonly bytes: number;
}

/** How many elements a row has. */
export const countOf = (row: RegisterRow): number => row.count ?? 1;

/** Where an element of a row lies, in bytes. */
export const offsetOf = (row: RegisterRow, index: number): number =>
  row.offset + index * (row.stride ?? row.width / 8);

/** The elements of checked rows, row after row. */
export function* elementsOf(rows: RegisterRows): Generator<RegisterElement> {
  for (const [name, row] of Object.entries(rows)) {
    for (let index = 0; index < countOf(row); index++) {
      yield { name, row, index, offset: offsetOf(row, index), bytes: row.width / 8 };
    }
  }
}

/**
 * Finds what an offset lies in. An element is aligned to its width, so that it begins at one of four places; two arrays may be
 * interleaved, as the doorbells of NVMe are.
 */
export class ElementIndex<Element extends { readonly offset: number; readonly bytes: number }> {
  readonly #byOffset = new Map<number, Element>();

  add(element: Element): void {
    this.#byOffset.set(element.offset, element);
  }

  /** @param offset an integer from 0 to 2^32 - 1 */
  find(offset: number): Element | undefined {
    const exact = this.#byOffset.get(offset);
    if (exact !== undefined) return exact;
    for (let bytes = 2; bytes <= 8; bytes *= 2) {
      const element = this.#byOffset.get(offset - (offset % bytes));
      if (element !== undefined && offset - element.offset < element.bytes) return element;
    }
    return undefined;
  }
}
