import type { Region } from "@userpci/interface";
import type { Round } from "../bench.ts";
import { quickest } from "../timing.ts";
import type { MappedAccess } from "./ends.ts";

// The same in c/registers.c.
const REGISTER = 8;
const OPERATIONS = 5000;
const SLICES = 400;

/** Where the sum of reads goes, so that nothing can leave them out. */
export const sink = { number: 0 };

/**
 * Rounds of accesses to a mapped region, whosever it is. A program calls one of these, once: for a second region V8 would compile
 * the accesses for both.
 */
export const mappedRounds: Readonly<Record<MappedAccess, (region: Region) => Round>> = {
  "mapped-read": (region) => {
    const reads = () => {
      let sum = 0;
      for (let i = 0; i < OPERATIONS; i++) sum ^= region.read32(REGISTER);
      sink.number = sum;
    };
    return () => quickest(reads, OPERATIONS, SLICES);
  },
  "mapped-write": (region) => {
    const writes = () => {
      for (let i = 0; i < OPERATIONS; i++) region.write32(REGISTER, i);
    };
    return () => quickest(writes, OPERATIONS, SLICES);
  },
};
