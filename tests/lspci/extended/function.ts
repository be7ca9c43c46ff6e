import type { Random } from "../../vm/harness/random.ts";
import type { Generator } from "../generate.ts";
import { EXTENDED, FIRST, patch } from "../space.ts";
import { extended } from "./extended.ts";

/** Ports that have more registers than others. */
function ports(bytes: Uint8Array, random: Random): void {
  if (random.once(2)) bytes[FIRST + 2] = (random.pick([4, 5, 6, 10]) << 4) | 2;
}

/** BARs of virtual functions: of every type, assigned or not. */
function virtualBars(bytes: Uint8Array, random: Random): void {
  for (let at = EXTENDED + 0x24; at < EXTENDED + 0x3c; at += 4) {
    const address = random.pick([0, 0xfe000000, 0x10, 0xfffffff0, random.number(0x10000000) * 16]);
    patch(bytes, [at, 4, random.pick([0, 0xffffffff, address + random.number(16), address + 4])]);
  }
}

/** Resizable BARs, as many as there may be most of the time. */
function resizable(bytes: Uint8Array, random: Random): void {
  const control = EXTENDED + 8;
  if (!random.once(4)) bytes[control] = (bytes[control]! & 0x1f) | ((1 + random.number(6)) << 5);
  for (let at = control; at < EXTENDED + 0x34; at += 8) {
    if (random.once(2)) bytes[at + 1] = random.number(64);
  }
}

/** L1.2, without which no times are printed, and times with every unit. */
function l1Substates(bytes: Uint8Array, random: Random): void {
  const [capabilities, control1, control2] = [EXTENDED + 4, EXTENDED + 8, EXTENDED + 12] as const;
  if (!random.once(3)) bytes[capabilities]! |= random.pick([1, 4, 5]);
  if (random.once(2)) bytes[capabilities + 2] = random.number(256);
  if (random.once(2)) patch(bytes, [control1 + 2, 2, random.number(0x10000)]);
  if (random.once(2)) bytes[control2] = random.number(256);
}

/** Latencies with every unit. */
function latencies(bytes: Uint8Array, random: Random): void {
  if (random.once(2)) {
    patch(bytes, [EXTENDED + 4, 2, random.number(0x10000)], [EXTENDED + 6, 2, random.number(0x10000)]);
  }
}

/** Granularities, of which the least and the greatest have words. */
function granularities(bytes: Uint8Array, random: Random): void {
  for (const at of [EXTENDED + 5, EXTENDED + 9]) bytes[at] = random.pick([0, 254, 255, random.number(256)]);
}

/** Extended capabilities that a function has for itself, by name. */
export const functionGenerators: Readonly<Record<string, Generator>> = {
  "advanced error reporting": extended(0x01, ports),
  "serial number": extended(0x03),
  "access control services": extended(0x0d),
  "alternative routing-ID": extended(0x0e),
  "address translation": extended(0x0f),
  "page requests": extended(0x13),
  "process address spaces": extended(0x1b),
  "single root virtualization": extended(0x10, virtualBars),
  "power budgeting": extended(0x04),
  multicast: extended(0x12, ports),
  "resizable BARs": extended(0x15, resizable),
  "resizable BARs of virtual functions": extended(0x24, resizable),
  "dynamic power allocation": extended(0x16),
  "processing hints": extended(0x17),
  "latency tolerance": extended(0x18, latencies),
  "downstream port containment": extended(0x1d),
  "L1 substates": extended(0x1e, l1Substates),
  "precision time": extended(0x1f, granularities),
};
