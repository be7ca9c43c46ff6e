import { checkInteger, checkNames, checkType, formatValue, PciError } from "@userpci/interface";
import {
  type FaultName,
  type FaultRate,
  type Faults,
  faultKinds,
  kindOf,
  type ScriptedFault,
} from "./kinds.ts";

/** Longest time of a fault in microseconds: an hour. */
const LONGEST_US = 3_600_000_000;

/**
 * Checks a plan of faults, of which every mistake would be a fault that never happens.
 *
 * @param addresses of the functions that there are
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`
 */
export function checkFaults(faults: Faults, addresses: readonly string[]): void {
  checkType("faults", faults, "object");
  const { seed, rates, script } = faults;
  checkNames("the plan of faults", faults, { seed, rates, script }, "property");
  if (seed !== undefined) checkInteger("the seed of the faults", seed, 0, 0xffff_ffff);
  if (rates !== undefined) checkType("the rates of the faults", rates, "object");
  for (const [name, rate] of Object.entries(rates ?? {})) checkRate(checkName(name), rate);
  if (script === undefined) return;
  if (!Array.isArray(script)) {
    throw new PciError("ERR_INVALID_ARGUMENT", `the script must be an array, not ${formatValue(script)}`, {
      hint: 'for example [{ at: { access: 12 }, fault: "unplug" }]',
    });
  }
  for (const scripted of script as readonly ScriptedFault[]) checkScripted(scripted, addresses);
}

function checkName(name: string): FaultName {
  if (Object.hasOwn(faultKinds, name)) return name as FaultName;
  throw new PciError("ERR_INVALID_ARGUMENT", `no fault is called ${formatValue(name)}`, {
    hint: `one of ${Object.keys(faultKinds).join(", ")}`,
  });
}

function checkRate(fault: FaultName, given: FaultRate): void {
  if (typeof given === "object" && given !== null) {
    const { rate, us } = given;
    checkNames(`the rate of ${fault}`, given, { rate, us }, "property");
    checkTime(fault, us);
    checkChance(fault, rate);
  } else checkChance(fault, given);
}

function checkChance(fault: FaultName, chance: number): void {
  if (typeof chance === "number" && chance >= 0 && chance <= 1) return;
  throw new PciError(
    "ERR_OUT_OF_RANGE",
    `the rate of ${fault} is ${formatValue(chance)}, no chance from 0 to 1`,
    {
      hint: "0.01 is one time in a hundred",
    },
  );
}

function checkTime(fault: FaultName, us: number | undefined): void {
  if (us === undefined) return;
  checkInteger(`the time of ${fault} in microseconds`, us, 1, LONGEST_US);
  if (kindOf(fault).us !== undefined) return;
  const timed = (Object.keys(faultKinds) as FaultName[]).filter((each) => kindOf(each).us !== undefined);
  throw new PciError("ERR_INVALID_ARGUMENT", `${fault} takes no time, so it has no us`, {
    hint: `what takes time: ${timed.join(", ")}`,
  });
}

function checkScripted(scripted: ScriptedFault, addresses: readonly string[]): void {
  checkType("a fault of the script", scripted, "object");
  const { at, fault, times, us, address } = scripted;
  checkNames("a fault of the script", scripted, { at, fault, times, us, address }, "property");
  checkName(fault);
  checkTime(fault, us);
  if (times !== undefined) checkInteger(`how many times ${fault} happens`, times, 1, Number.MAX_SAFE_INTEGER);
  const { occasion } = kindOf(fault);
  const example = `{ at: { ${occasion}: 1 }, fault: "${fault}" }`;
  checkType(`when ${fault} happens`, at, "object", example);
  const [given, ...others] = Object.entries(at) as [string, number][];
  if (given?.[0] !== occasion || others.length > 0) {
    const said = given === undefined ? "nothing" : Object.keys(at).join(", ");
    throw new PciError("ERR_INVALID_ARGUMENT", `${fault} happens at a certain ${occasion}, not at ${said}`, {
      hint: example,
    });
  }
  checkInteger(`the ${occasion} at which ${fault} happens`, given[1], 1, Number.MAX_SAFE_INTEGER);
  checkAddress(fault, address, addresses);
}

function checkAddress(fault: FaultName, address: string | undefined, addresses: readonly string[]): void {
  if (address === undefined ? addresses.length === 1 : addresses.includes(address)) return;
  throw new PciError(
    "ERR_INVALID_ARGUMENT",
    address === undefined
      ? `${fault} of the script does not say of which of the ${addresses.length} functions`
      : `${fault} of the script is for ${formatValue(address)}, which is no function here`,
    { hint: `address: one of ${addresses.join(", ")}` },
  );
}
