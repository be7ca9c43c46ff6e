import type { Region } from "@userpci/interface";
import { walkBars } from "./bars.ts";
import { MSIX_LENGTH } from "./capabilities/msix.ts";
import {
  type CapabilityBase,
  type CapabilityPlace,
  type CapabilitySpec,
  type OpenedCapability,
  openCapability,
} from "./capability.ts";
import type { ConfigSpace } from "./config.ts";
import { extendedCapabilities } from "./extended.ts";
import { headerLength } from "./header-layout.ts";
import { LAST_BAR } from "./interrupts.ts";
import { mapOf } from "./map.ts";
import { hex, type Problem, problem, type Report } from "./problem.ts";
import { type Capability, standardCapabilities } from "./standard.ts";
import { extendedEnd, standardEnd, walkExtended, walkStandard } from "./walk.ts";

type NamedSpec = readonly [name: string, spec: CapabilitySpec];

const byId = (table: Readonly<Record<string, CapabilitySpec>>): ReadonlyMap<number, NamedSpec> =>
  new Map(Object.entries(table).map((row) => [row[1].id, row]));

const standardById = byId(standardCapabilities);
const extendedById = byId(extendedCapabilities);
const unknown = ["unknown", undefined] as const;

/** Makes the object for a capability that was found. */
export function openAt(region: Region, place: CapabilityPlace): OpenedCapability {
  const isStandard = place.kind === "standard";
  const [name, spec] = (isStandard ? standardById : extendedById).get(place.id) ?? unknown;
  const end = isStandard ? standardEnd(region) : extendedEnd(region);
  return openCapability(region, place, name, spec, end);
}

/** What both lists lead to, and what is wrong with a space. */
export interface Survey {
  readonly standard: readonly CapabilityBase[];
  readonly extended: readonly CapabilityBase[];
  readonly problems: readonly Problem[];
}

/** Walks each list of a space once. */
export function survey(config: ConfigSpace): Survey {
  const { region } = config;
  const problems: Problem[] = [];
  const report: Report = (found) => problems.push(found);
  const open = (place: CapabilityPlace): CapabilityBase => {
    const opened = openAt(region, place);
    reportLength(opened, report);
    return opened.capability;
  };
  const standard = Array.from(walkStandard(region, report), open);
  const extended = Array.from(walkExtended(region, report), open);
  mapOf(config.size, headerLength(region), [...standard, ...extended], report);
  for (const _ of walkBars(config, report));
  checkMsix(standard, report);
  return { standard, extended, problems };
}

function reportLength({ capability, claimed, impossible }: OpenedCapability, report: Report): void {
  const { id, offset, length, name } = capability;
  const at = () => `at ${hex(offset)}`;
  if (name === "unknown") {
    report(problem("unknown-id", offset, `capability ${hex(id)} ${at()} is not known`));
  }
  if (impossible) {
    report(problem("impossible-length", offset, `${name} ${at()} says that it has ${claimed} bytes`));
  } else if (claimed === undefined || claimed > length) {
    const wanted = claimed === undefined ? "more" : `${claimed}`;
    report(problem("past-end", offset, `${name} ${at()} has ${length} bytes left and needs ${wanted}`));
  }
}

function checkMsix(standard: readonly CapabilityBase[], report: Report): void {
  const found = standard.find(({ name }) => name === "msix");
  if (!found || found.length < MSIX_LENGTH) return;
  // The class was made of the row that this name has in the table.
  const { table, pba } = found as Capability<"msix">;
  for (const [what, { bar }] of [["table", table] as const, ["pending bits", pba] as const]) {
    if (bar <= LAST_BAR) continue;
    report(problem("msix-bar", found.offset, `MSI-X ${what}: BAR ${bar} does not exist`));
  }
}
