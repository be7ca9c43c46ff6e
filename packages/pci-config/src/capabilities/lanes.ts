import type { Region } from "@userpci/interface";
import { fieldAt } from "../register.ts";
import type { ListSpec } from "../view.ts";
import { findStandard, standardEnd } from "../walk.ts";
import { linkRegisters } from "./pcie-link.ts";

const { linkCapabilities } = linkRegisters;
const PCIE = 0x10;
/** Most lanes of a link before PCI Express 6.0; since then 16. */
const MOST = 32;
const COMMON = 16;

/**
 * Lanes that a port has: its maximum link width (section 7.5.3.6), by which structures with an entry for each lane are as long as they are.
 * Without a link, and where it tells a width that none can have, 16.
 */
export function lanesOf(region: Region): number {
  const pcie = findStandard(region, PCIE);
  if (pcie === undefined) return COMMON;
  if (pcie + linkCapabilities.offset + 4 > standardEnd(region)) return COMMON;
  const width = fieldAt(region, pcie, linkCapabilities, "maximumWidth");
  return width === 0 || width > MOST ? COMMON : width;
}

/** Starts of entries of `stride` bytes for each lane, the first one at `start`, as far as the capability goes. */
export function laneStarts(start: number, stride: number): ListSpec["starts"] {
  return ({ region, length }) =>
    Array.from({ length: lanesOf(region) }, (_, lane) => start + lane * stride).filter((at) => at < length);
}

/** Bytes up to the end of the entries of all lanes, in whole dwords. */
export function laneLength(start: number, stride: number): (region: Region) => number {
  return (region) => start + 4 * Math.ceil((lanesOf(region) * stride) / 4);
}
