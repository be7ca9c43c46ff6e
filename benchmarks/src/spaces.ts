import { readdirSync, readFileSync } from "node:fs";
import { type DumpedFunction, parseDump } from "@userpci/pci-config/lspci";

// The corpus that the text of lspci is compared on: every PCI device that QEMU has.
const tests = new URL("../../tests/lspci/", import.meta.url);
const corpus = new URL("corpus/", tests);
const { lengthen } = (await import(new URL("sparse.mjs", tests).href)) as { lengthen(text: string): string };

/** Every function of the corpus. */
export function corpusFunctions(): readonly DumpedFunction[] {
  return readdirSync(corpus)
    .sort()
    .flatMap((name) => parseDump(lengthen(readFileSync(new URL(name, corpus), "utf8"))));
}

/** The configuration spaces of 4 KiB with the most capabilities, one of each device. */
export function richestSpaces(count: number, capabilitiesOf: (bytes: Uint8Array) => number): Uint8Array[] {
  const kinds = new Map<string, Uint8Array>();
  for (const { bytes } of corpusFunctions()) {
    const id = bytes.subarray(0, 4).join();
    if (bytes.length === 4096 && !kinds.has(id)) kinds.set(id, bytes);
  }
  const spaces = [...kinds.values()];
  return spaces.sort((a, b) => capabilitiesOf(b) - capabilitiesOf(a)).slice(0, count);
}

const ROW = 16;
const DEVICES_PER_BUS = 32;

/** Functions as `lspci -xxxx` prints them, as many as wanted of every part of the corpus, each a device of its own. */
export function dumpText(count: number): string {
  const functions = corpusFunctions();
  const devices = Array.from(
    { length: count },
    (_, i) => functions[Math.floor((i * functions.length) / count)]!,
  );
  return devices.map(({ bytes }, index) => deviceText(bytes, index)).join("\n");
}

function deviceText(bytes: Uint8Array, index: number): string {
  const hex = (value: number) => value.toString(16).padStart(2, "0");
  const lines = [`${hex(Math.floor(index / DEVICES_PER_BUS))}:${hex(index % DEVICES_PER_BUS)}.0 Device`];
  for (let at = 0; at < bytes.length; at += ROW) {
    lines.push(`${hex(at)}: ${Array.from(bytes.subarray(at, at + ROW), hex).join(" ")}`);
  }
  return `${lines.join("\n")}\n`;
}
