import type { Region } from "@userpci/interface";
import type { CapabilityPlace, CapabilitySpec } from "./capability.ts";
import { type ConfigSpace, configOf } from "./config.ts";
import { extendedCapabilities } from "./extended.ts";
import { ignore, type Report } from "./problem.ts";
import { SnapshotRegion } from "./snapshot.ts";
import { standardCapabilities } from "./standard.ts";
import { openAt } from "./survey.ts";
import type { RegisterSpec } from "./table.ts";
import { placeOf, RegisterSet } from "./view.ts";
import { walkExtended, walkStandard } from "./walk.ts";

/** The registers of a capability whose reading has effects, by the capability's id. */
type Effects = ReadonlyMap<number, readonly RegisterSpec[]>;

function effectsOf(table: Readonly<Record<string, CapabilitySpec>>): Effects {
  const effects = new Map<number, readonly RegisterSpec[]>();
  for (const { id, registers } of Object.values(table)) {
    const found = Object.values(registers).filter(({ reads }) => reads);
    if (found.length > 0) effects.set(id, found);
  }
  return effects;
}

interface List {
  readonly walk: (region: Region, report: Report) => Iterable<CapabilityPlace>;
  readonly effects: Effects;
}

const lists: readonly List[] = [
  { walk: walkStandard, effects: effectsOf(standardCapabilities) },
  { walk: walkExtended, effects: effectsOf(extendedCapabilities) },
].filter(({ effects }) => effects.size > 0);

/**
 * A config space that does not change, of one that may: each dword is read once, when it is first needed, and never if it is a
 * register whose reading has effects. Those read 0.
 */
export function stillOf({ region }: ConfigSpace): ConfigSpace {
  const snapshot = new SnapshotRegion(region);
  for (const { walk, effects } of lists) {
    for (const place of walk(snapshot, ignore)) {
      const found = effects.get(place.id);
      if (found === undefined) continue;
      const span = RegisterSet.spanOf(openAt(snapshot, place).capability);
      for (const spec of found) {
        const at = placeOf(span, spec);
        if (at !== undefined) snapshot.leaveOut(at);
      }
    }
  }
  return configOf(snapshot);
}
