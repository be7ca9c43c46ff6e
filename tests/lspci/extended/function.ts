import type { Generator } from "../generate.ts";
import type { Random } from "../random.ts";
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
};
