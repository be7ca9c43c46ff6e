import { PciError } from "@userpci/interface";
import type { EmulatedFunction } from "../function.ts";
import type { FaultName, Faults } from "./kinds.ts";

/** What a function must have. */
interface Need {
  readonly what: string;
  readonly has: (fn: EmulatedFunction) => boolean;
}

const interrupts: Need = {
  what: "interrupts",
  has: ({ hosted }) => (["intx", "msi", "msix"] as const).some((kind) => hosted.irqInfo(kind).count > 0),
};
const resets: Need = { what: "reset", has: ({ resettable, group }) => resettable || group.bus };

/** What some faults need of their function; the others happen to any. */
const needs: Readonly<Partial<Record<FaultName, Need>>> = {
  spuriousInterrupt: interrupts,
  lostInterrupt: interrupts,
  lateInterrupt: interrupts,
  resetFails: resets,
};

/**
 * Refuses what of a script can never happen to its function.
 *
 * @param functions by their addresses, of which a script that was checked names one
 * @throws PciError `ERR_INVALID_ARGUMENT`
 */
export function checkPossible(
  { script = [] }: Faults,
  functions: ReadonlyMap<string, EmulatedFunction>,
): void {
  for (const { fault, address } of script) {
    const need = needs[fault];
    const [only] = functions.values();
    const fn = address === undefined ? only! : functions.get(address)!;
    if (need === undefined || need.has(fn)) continue;
    throw new PciError(
      "ERR_INVALID_ARGUMENT",
      `${fault} can never happen: ${fn.address} has no ${need.what}`,
      {
        hint: `leave it out of the script, or give the model what it takes for ${need.what}`,
      },
    );
  }
}
