import { expect, it } from "vitest";
import type { ExtendedCapabilityName } from "../extended.ts";
import { withExtended } from "../testing/extended-space.ts";
import { linux } from "./linux.ts";
import { VirtualConfigSpace } from "./space.ts";

/** Bytes as `vfio_ext_cap_len` of Linux 6.12 counts them. */
const cases: readonly [name: ExtendedCapabilityName, what: string, dword: number, bytes: number][] = [
  ["accessControl", "without egress control", 0x0000_ff00, 8],
  ["accessControl", "with a vector of 33 bits", 0x0000_2120, 16],
  ["accessControl", "with a vector of 256 bits, told as 0", 0x0000_0020, 40],
  ["dynamicPower", "with one substate", 0, 17],
  ["dynamicPower", "with 32 substates", 31, 48],
  ["processingHints", "without tags", 0x0000_0000, 12],
  ["processingHints", "with 5 tags of its own", 0x0004_0200, 22],
  ["processingHints", "with 5 tags in the table of MSI-X", 0x0004_0400, 12],
];

function shownLength(name: ExtendedCapabilityName, ...dwords: readonly number[]): number | undefined {
  const space = new VirtualConfigSpace(linux, { region: withExtended(name, dwords).region });
  return space.structures.find((structure) => structure.name === name)?.length;
}

it.each(cases)("%s %s: the provider shows all of it", (name, _what, dword, bytes) => {
  expect(shownLength(name, dword)).toBe(bytes);
});

it.each([1, 6])("resizableBar with %i BARs: the provider shows all of it", (count) => {
  expect(shownLength("resizableBar", 0, count << 5)).toBe(4 + 8 * count);
});
