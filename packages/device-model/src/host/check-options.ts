import { checkChoice, checkMethods, checkNames, checkType } from "@userpci/interface";
import type { HostOptions } from "./hosted-function.ts";

/** @throws PciError `ERR_INVALID_ARGUMENT` for options that `hostFunction` does not have, or not so */
export function checkOptions(options: HostOptions): void {
  checkType("options", options, "object");
  const { memory, barMemory, dma, time, msixTable, onFault } = options;
  checkNames("hostFunction", options, { memory, barMemory, dma, time, msixTable, onFault });
  checkMethods("options.memory", memory, ["alloc"]);
  checkMethods("options.dma", dma, ["translate"]);
  if (barMemory !== undefined) checkType("options.barMemory", barMemory, "function");
  if (onFault !== undefined) checkType("options.onFault", onFault, "function");
  checkChoice("options.time", time, ["virtual", "real"]);
  checkChoice("options.msixTable", msixTable, ["refuse", "hide"]);
}
