import type { Region } from "@userpci/interface";
import { capability } from "../capability.ts";
import { countIn } from "../list-count.ts";
import { rawAt } from "../register.ts";
import { fieldOf } from "../table.ts";
import type { Traits } from "../view.ts";
import { type BlockType, blockLists, blockRegisters, blockTypes } from "./hypertransport-blocks.ts";
import { linkRegisters } from "./hypertransport-link.ts";

/** Types whose number is in bits 15:13 of the command register; all others have it in 15:11 (HyperTransport 3.10, 7.4). */
const linkTypes = ["primary", "secondary"] as const;

/** The type of a HyperTransport capability, of its command register: 0 and 4 for primary and secondary interfaces. */
export function hyperTransportType(command: number): number {
  const type = fieldOf(blockRegisters.otherBlock.fields.type, command);
  return type < 8 ? type & 4 : type;
}

/** The command register, which blocks of every type have at the same place. */
const commandAt = (region: Region, offset: number) => rawAt(region, offset, blockRegisters.otherBlock);

const blockNames = new Map<number, BlockType>(
  Object.entries(blockTypes).map(([name, code]) => [code, name as BlockType]),
);
/** The blocks whose command has a row of its own. */
const known: ReadonlySet<string | undefined> = new Set(
  Object.values(blockRegisters).flatMap(({ when, makes }) => (makes === undefined ? [] : [when])),
);

/** What a block brings by its command, beside its type. */
function* blockTraits(name: BlockType | undefined, command: number): Generator<string> {
  yield name !== undefined && known.has(name) ? name : "otherBlock";
  const { addressMapping, msiMapping } = blockRegisters;
  if (name === "msiMapping" && fieldOf(msiMapping.fields.fixed, command) === 0) yield "msiAddress";
  if (name !== "addressMapping") return;
  const mapType = fieldOf(addressMapping.fields.mapType, command);
  if (mapType < 2) yield mapType === 0 ? "shortMapping" : "longMapping";
}

/** Bytes of the blocks that always have the same number; those that are not here have 4, or tell it. */
const lengths: Partial<Record<string, number>> = {
  primary: 28,
  secondary: 24,
  switch: 24,
  interruptDiscovery: 8,
  unitIdClumping: 12,
  extendedConfiguration: 12,
  longMapping: 16,
  msiAddress: 12,
  directRoute: 12,
  vcSet: 16,
  retryMode: 12,
};
const otherLengths: Partial<Record<BlockType, number>> = { gen3: 40, powerManagement: 8 };

function length(region: Region, offset: number, traits: Traits): number {
  const command = commandAt(region, offset);
  if (traits.has("shortMapping")) {
    return 12 + 8 * fieldOf(blockRegisters.addressMapping.fields.dmaMappings, command);
  }
  const name = blockNames.get(hyperTransportType(command));
  if (name === "functionExtension") return 4 + 4 * (command & 0xff);
  const own = [...traits].map((trait) => lengths[trait] ?? 4);
  return Math.max(4, ...own, (name && otherLengths[name]) ?? 4);
}

/** HyperTransport; its type decides about its registers. */
export const hyperTransport = capability({
  id: 0x08,
  title: "HyperTransport",
  length,
  traits: function* (region, offset) {
    const command = commandAt(region, offset);
    const type = hyperTransportType(command);
    if (type < 8) yield linkTypes[type >> 2]!;
    else yield* blockTraits(blockNames.get(type), command);
  },
  registers: { ...linkRegisters, ...blockRegisters },
  lists: blockLists,
  counts: { dmaWindows: countIn(blockRegisters.addressMapping, "dmaMappings") },
});
