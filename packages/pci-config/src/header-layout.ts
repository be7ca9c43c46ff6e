import type { Region } from "@userpci/interface";
import { type2Header } from "./cardbus-header.ts";
import { commonHeader, HEADER_SIZE, type0Header, type1Header } from "./header.ts";
import { fieldOf, type RegisterTable } from "./table.ts";

/** What a header is: type 0, 1 or 2. */
export type HeaderLayout = "endpoint" | "bridge" | "cardbus";

/** A row of {@link headerLayouts}. */
export interface HeaderLayoutSpec<R extends RegisterTable = RegisterTable> {
  /** Value of the layout field of the header type register (section 7.5.1.1.9). */
  readonly code: number;
  /** Bytes: a CardBus bridge's header goes on behind those that every function has. */
  readonly length: number;
  /** BAR registers. */
  readonly bars: number;
  /** Its registers, beside the common ones. */
  readonly registers: R;
}

/** The header layouts, by name. */
export const headerLayouts = {
  endpoint: { code: 0, length: HEADER_SIZE, bars: 6, registers: type0Header },
  bridge: { code: 1, length: HEADER_SIZE, bars: 2, registers: type1Header },
  cardbus: { code: 2, length: 72, bars: 1, registers: type2Header },
} as const satisfies Record<HeaderLayout, HeaderLayoutSpec>;

const byCode = new Map<number, HeaderLayout>(
  Object.entries(headerLayouts).map(([name, { code }]) => [code, name as HeaderLayout]),
);

/** The layout that a header type register's bits tell, or undefined for one that no specification has. */
export function layoutOf(headerType: number): HeaderLayout | undefined {
  return byCode.get(fieldOf(commonHeader.headerType.fields.layout, headerType));
}

/** The layout of the header of a region. */
export function layoutAt(region: Region): HeaderLayout | undefined {
  return layoutOf(region.read8(commonHeader.headerType.offset));
}

/** Bytes of the header of a region, as far as the region has them. Reads the header type. */
export function headerLength(region: Region): number {
  const layout = layoutAt(region);
  return Math.min(layout ? headerLayouts[layout].length : HEADER_SIZE, region.size);
}

/** Offset of the pointer to the first standard capability; undefined where the layout is not known. */
export function capabilitiesPointerOf(region: Region): number | undefined {
  const layout = layoutAt(region);
  return layout && headerLayouts[layout].registers.capabilitiesPointer.offset;
}
