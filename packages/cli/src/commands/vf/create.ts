import { findFunction, setVirtualFunctions } from "@userpci/sysfs";
import type { CommandCall, Report } from "../../command.ts";
import { waiting } from "../../kernel-progress.ts";

/** `userpci vf create`. */
export async function run(call: CommandCall): Promise<Report> {
  const [address, count] = [call.arguments[0]!, Number(call.arguments[1]!)];
  const made = await waiting(call, (options) => setVirtualFunctions(address, count, options));
  const physicalFunction = findFunction(address).address;
  const virtualFunctions = made.map((virtual, index) => ({
    address: virtual,
    index,
    driver: driverOf(virtual),
  }));
  return {
    json: { physicalFunction, virtualFunctions },
    lines: virtualFunctions,
    text: ({ green }) =>
      virtualFunctions.map(({ address: virtual, index, driver }) => {
        return `${green(virtual)}  number ${index} of ${physicalFunction}, ${driver === null ? "no driver" : `on ${driver}`}`;
      }),
  };
}

/** A driver takes a new function as it comes. */
const driverOf = (address: string): string | null => findFunction(address).driver;
