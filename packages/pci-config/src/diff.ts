import { bytesRegion } from "./bytes.ts";
import type { CapabilityKind } from "./capability.ts";
import { type ConfigSpace, configOf } from "./config.ts";
import { contentRows, toBytes } from "./content.ts";
import { type CapabilityDescription, describeStill } from "./describe.ts";
import type { RegisterDescription, RegisterDescriptions } from "./register-description.ts";
import { endOf } from "./table.ts";

/** What a change is in. */
export interface ChangePlace {
  /** `header`, the capability's name, or undefined where nobody owns the bytes. */
  readonly owner: string | undefined;
  /** First byte of the owner; in the space after the change, if it is in both. */
  readonly ownerOffset: number | undefined;
}

/** A field, or a register that is one number, that differs. */
export interface FieldChange extends ChangePlace {
  readonly kind: "field";
  /** The list that the register is in, and the turn of it, from 0 on; undefined for a register that is there once. */
  readonly turn?: { readonly list: string; readonly index: number };
  readonly register: string;
  /** Undefined for a register that is one number, and for its reserved bits. */
  readonly field?: string;
  /** Byte of the register. */
  readonly offset: number;
  readonly before: number | boolean;
  readonly after: number | boolean;
  /** Words for the values, where the specification has them. */
  readonly words?: { readonly before?: string; readonly after?: string };
}

/** A capability that only one of the spaces has. */
export interface CapabilityChange extends ChangePlace {
  readonly kind: "added" | "removed";
  readonly list: CapabilityKind;
  readonly id: number;
}

/** Bytes that differ and that no register of the tables covers. */
export interface BytesChange extends ChangePlace {
  readonly kind: "bytes";
  readonly offset: number;
  /** Two hexadecimal digits a byte; shorter where a space ends. */
  readonly before: string;
  readonly after: string;
}

/** A difference between two config spaces. */
export type Change = FieldChange | CapabilityChange | BytesChange;

/**
 * What is different between two config spaces, by field: first of the header, then of each capability, then the bytes that no
 * register covers. Capabilities are told apart by their list, id and turn, wherever they lie. Reads all of both, each dword once,
 * also where reading has effects.
 *
 * @throws PciError what a region throws
 */
export function diff(before: ConfigSpace, after: ConfigSpace): readonly Change[] {
  const sides = [sideOf(before), sideOf(after)] as const;
  const changes: Change[] = [];
  const [old, now] = sides;
  for (const key of new Set([...old.owners.keys(), ...now.owners.keys()])) {
    changes.push(...diffOwner(old.owners.get(key), now.owners.get(key)));
  }
  return [...changes, ...diffBytes(old, now)];
}

interface Owner extends Pick<CapabilityDescription, "registers" | "lists"> {
  readonly capability?: CapabilityDescription;
}

/** Where a register is: of what, and in which turn of a list. */
type FieldPlace = ChangePlace & Pick<FieldChange, "turn">;

interface Side {
  readonly config: ConfigSpace;
  readonly bytes: Uint8Array;
  readonly owners: ReadonlyMap<string, Owner>;
}

function sideOf(config: ConfigSpace): Side {
  const bytes = toBytes(config);
  const still = configOf(bytesRegion(bytes));
  const { header, capabilities, extendedCapabilities } = describeStill(still, {});
  const owners = new Map<string, Owner>([["header", { registers: header.registers, lists: {} }]]);
  const turns = new Map<string, number>();
  for (const capability of [...capabilities, ...extendedCapabilities]) {
    const { kind, id, registers, lists } = capability;
    const same = `${kind} ${id}`;
    const turn = turns.get(same) ?? 0;
    turns.set(same, turn + 1);
    owners.set(`${same} ${turn}`, { registers, lists, capability });
  }
  return { config: still, bytes, owners };
}

function placeOf({ capability }: Owner): ChangePlace {
  return { owner: capability?.name ?? "header", ownerOffset: capability?.offset ?? 0 };
}

function diffOwner(old: Owner | undefined, now: Owner | undefined): Change[] {
  const one = now ?? old!;
  const place = placeOf(one);
  if (old === undefined || now === undefined) {
    const { kind: list, id } = one.capability!;
    return [{ kind: now ? "added" : "removed", ...place, list, id }];
  }
  const listed = Object.entries(now.lists).flatMap(([list, turns]) =>
    turns.flatMap((registers, index) =>
      diffRegisters({ ...place, turn: { list, index } }, old.lists[list]?.[index] ?? {}, registers),
    ),
  );
  return [...diffRegisters(place, old.registers, now.registers), ...listed];
}

function diffRegisters(
  place: FieldPlace,
  old: RegisterDescriptions,
  now: RegisterDescriptions,
): FieldChange[] {
  return Object.entries(now).flatMap(([name, register]) => {
    const was = old[name];
    return was === undefined || was.raw === register.raw ? [] : diffRegister(place, name, was, register);
  });
}

function diffRegister(
  place: FieldPlace,
  register: string,
  was: RegisterDescription,
  is: RegisterDescription,
): FieldChange[] {
  const common = { kind: "field", ...place, register, offset: is.offset } as const;
  const whole = [{ ...common, before: was.raw, after: is.raw }];
  if (is.fields === undefined || was.fields === undefined) return whole;
  const fields = Object.entries(is.fields).flatMap(([field, after]): FieldChange[] => {
    const before = was.fields![field]!;
    if (before === after) return [];
    const [old, now] = [was.words?.[field], is.words?.[field]];
    const words = { ...(old !== undefined && { before: old }), ...(now !== undefined && { after: now }) };
    return [{ ...common, field, before, after, ...(Object.keys(words).length > 0 && { words }) }];
  });
  // Only bits that no field names.
  return fields.length > 0 ? fields : whole;
}

/** Bytes that differ, in runs of one owner, without those that registers of both sides cover at the same place. */
function diffBytes(old: Side, now: Side): BytesChange[] {
  const [oldCover, nowCover] = [coveredBytes(old), coveredBytes(now)];
  const covered = oldCover.map((byte, at) => byte & (nowCover[at] ?? 0));
  const end = Math.max(old.bytes.length, now.bytes.length);
  const map = now.config.map();
  const ownerOf = (at: number) => (at < map.size ? map.ownerOf(at) : undefined);
  const changes: BytesChange[] = [];
  for (let at = 0; at < end; at++) {
    const differs = (byte: number) => old.bytes[byte] !== now.bytes[byte] && covered[byte] !== 1;
    if (!differs(at)) continue;
    const start = at;
    const owner = ownerOf(start);
    while (at + 1 < end && differs(at + 1) && ownerOf(at + 1) === owner) at++;
    changes.push({
      kind: "bytes",
      owner: owner?.name,
      ownerOffset: owner?.offset,
      offset: start,
      before: contentRows(old.bytes.subarray(start, at + 1)).join(""),
      after: contentRows(now.bytes.subarray(start, at + 1)).join(""),
    });
  }
  return changes;
}

function coveredBytes({ bytes, owners }: Side): Uint8Array {
  const covered = new Uint8Array(bytes.length);
  for (const { registers, lists } of owners.values()) {
    for (const turn of [registers, ...Object.values(lists).flat()]) {
      for (const register of Object.values(turn)) covered.fill(1, register.offset, endOf(register));
    }
  }
  return covered;
}
