import type { Region } from "@userpci/interface";
import type { CapabilityPlace, CapabilitySpec } from "./capability.ts";
import { type ConfigSpace, configOf } from "./config.ts";
import { extendedCapabilities } from "./extended.ts";
import { ignore, type Report } from "./problem.ts";
import { SnapshotRegion } from "./snapshot.ts";
import { standardCapabilities } from "./standard.ts";
import { walkExtended, walkStandard } from "./walk.ts";

/** Offsets in a capability of the registers whose reading has effects, by the capability's id. */
type Effects = ReadonlyMap<number, readonly number[]>;

function effectsOf(table: Readonly<Record<string, CapabilitySpec>>): Effects {
  const effects = new Map<number, readonly number[]>();
  for (const { id, registers } of Object.values(table)) {
    const offsets = Object.values(registers).flatMap(({ reads, offset }) => (reads ? [offset] : []));
    if (offsets.length > 0) effects.set(id, offsets);
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
    for (const { id, offset } of walk(snapshot, ignore)) {
      for (const at of effects.get(id) ?? []) snapshot.leaveOut(offset + at);
    }
  }
  return configOf(snapshot);
}
