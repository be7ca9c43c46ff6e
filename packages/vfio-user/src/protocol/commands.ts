import type { FieldType, Struct, Values } from "@userpci/vfio-native/structures";
import * as structures from "./structures.ts";

/** Any structure of the protocol. */
export type AnyStruct = Struct<Readonly<Record<string, FieldType>>>;

/** How a message of one direction is laid out behind its header. */
export interface Layout<S = AnyStruct | null> {
  /** The fixed part; null if the message has none. */
  readonly struct: S;
  /** How many bytes must follow the fixed part; absent: none may; null: any number, up to the size of a message. */
  readonly tail?: ((values: never) => number) | null;
}

/** One command of the protocol. */
export interface Command {
  readonly number: number;
  /** Who sends it. */
  readonly from: "client" | "server";
  readonly request: Layout;
  readonly reply: Layout;
}

const none: Layout<null> = { struct: null };
const only = <S>(struct: S): Layout<S> => ({ struct });
const open = <S>(struct: S): Layout<S> => ({ struct, tail: null });

const followed = <S>(struct: S, tail: (values: never) => number): Layout<S> => ({ struct, tail });

/** As much data as a field says; a number no message can hold is refused by the message's size. */
const counted = <S>(struct: S): Layout<S> => ({
  struct,
  tail: ({ count }: { readonly count: number | bigint }) => Number(count),
});
const sized = <S>(struct: S): Layout<S> => ({
  struct,
  tail: ({ size }: { readonly size: number }) => size,
});

const irqBytes = ({ flags, count }: Values<{ flags: "u32"; count: "u32" }>): number =>
  (flags & structures.irqSetFlag.DATA_BOOL) === 0 ? 0 : count;
const entries =
  (size: number) =>
  ({ count }: { readonly count: number | bigint }): number =>
    Number(count) * size;

/** Every command, by name. Command 14 (DIRTY_PAGES) has left the specification. */
export const commands = {
  version: {
    number: 1,
    from: "client",
    request: open(structures.version),
    reply: open(structures.version),
  },
  dmaMap: { number: 2, from: "client", request: only(structures.dmaMap), reply: none },
  dmaUnmap: {
    number: 3,
    from: "client",
    request: open(structures.dmaUnmap),
    reply: open(structures.dmaUnmap),
  },
  deviceGetInfo: {
    number: 4,
    from: "client",
    request: open(structures.deviceInfo),
    reply: open(structures.deviceInfo),
  },
  regionGetInfo: {
    number: 5,
    from: "client",
    request: open(structures.regionInfo),
    reply: open(structures.regionInfo),
  },
  regionGetIoFds: {
    number: 6,
    from: "client",
    request: open(structures.regionIoFds),
    reply: open(structures.regionIoFds),
  },
  irqGetInfo: {
    number: 7,
    from: "client",
    request: open(structures.irqInfo),
    reply: open(structures.irqInfo),
  },
  setIrqs: {
    number: 8,
    from: "client",
    request: followed(structures.irqSet, irqBytes),
    reply: none,
  },
  regionRead: {
    number: 9,
    from: "client",
    request: only(structures.regionAccess),
    reply: counted(structures.regionAccess),
  },
  regionWrite: {
    number: 10,
    from: "client",
    request: counted(structures.regionAccess),
    reply: only(structures.regionAccess),
  },
  dmaRead: {
    number: 11,
    from: "server",
    request: only(structures.dmaAccess),
    reply: counted(structures.dmaAccess),
  },
  dmaWrite: {
    number: 12,
    from: "server",
    request: counted(structures.dmaAccess),
    // The specification's table has 12 bytes, all implementations 16.
    reply: open(structures.dmaAccess),
  },
  deviceReset: { number: 13, from: "client", request: none, reply: none },
  regionWriteMulti: {
    number: 15,
    from: "client",
    request: followed(structures.writeMulti, entries(structures.multiWrite.size)),
    reply: only(structures.writeMulti),
  },
  deviceFeature: {
    number: 16,
    from: "client",
    request: open(structures.deviceFeature),
    reply: open(structures.deviceFeature),
  },
  migrationDataRead: {
    number: 17,
    from: "client",
    request: only(structures.migrationData),
    // A server may fill up to what was asked for: `size` says how much of it is data.
    reply: open(structures.migrationData),
  },
  migrationDataWrite: {
    number: 18,
    from: "client",
    request: sized(structures.migrationData),
    reply: none,
  },
} as const satisfies Readonly<Record<string, Command>>;

/** Name of a command in {@link commands}. */
export type CommandName = keyof typeof commands;

const byNumber = new Map<number, CommandName>(
  Object.entries(commands).map(([name, { number }]) => [number, name as CommandName]),
);

/** The command with a number; undefined for one that is not in the specification. */
export const commandOf = (number: number): CommandName | undefined => byNumber.get(number);
