import { strict as assert } from "node:assert";
import type { GuestTest } from "../harness/suite.ts";
import { bytesOf, compareInitial, compareSizing, compareWrites, type Difference } from "./compare.ts";
import { judge } from "./differences.ts";
import { openSubject } from "./subject.ts";

/** The comparison of profile `linux` with the kernel's vfio-pci, for each of the functions. */
export function comparisons(functions: Readonly<Record<string, string>>): Record<string, GuestTest> {
  return Object.fromEntries(
    Object.entries(functions).flatMap(([name, address]) => [
      [`${name}: every byte, word and dword reads as the kernel shows it`, () => reads(address)],
      [
        `${name}: ones, zeros and walking bits do to every byte what they do through the kernel`,
        () => writes(address),
      ],
      [`${name}: BARs and ROM size as the kernel's do, and forget it on close`, () => sizes(address)],
    ]),
  );
}

function reads(address: string): void {
  using subject = openSubject(address);
  assert.deepEqual(compareInitial(subject), []);
}

function writes(address: string): void {
  using subject = openSubject(address);
  const before = bytesOf(subject);
  const found: Difference[] = [];
  for (const width of [8, 16, 32] as const) found.push(...compareWrites(subject, width));
  const { unknown, vanished } = judge(address, found);
  assert.deepEqual(unknown, [], `${unknown.length} differences that no row of differences.ts explains`);
  assert.deepEqual(vanished, [], "rows of differences.ts that no longer differ");
  assert.deepEqual(bytesOf(subject), before, "the function is as it was");
}

function sizes(address: string): void {
  {
    using subject = openSubject(address);
    assert.deepEqual(compareSizing(subject), []);
  }
  using subject = openSubject(address);
  assert.deepEqual(compareInitial(subject), []);
}
