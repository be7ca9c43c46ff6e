import { PciError, type RegionArea } from "@userpci/interface";
import {
  bytesRegion,
  type ConfigSpace,
  configOf,
  type MsixLayout,
  msixLayout,
  type VectorCounts,
  vectorCounts,
} from "@userpci/pci-config";
import { type BarShape, buildSpace } from "@userpci/pci-config/builder";
import type { BarNumber, DeviceModel, ResetCause } from "../model.ts";
import { checkModel } from "./check-model.ts";

/** Numbers of the BARs. */
export const barNumbers: readonly BarNumber[] = [0, 1, 2, 3, 4, 5];
/** Bytes of a page, the unit of mappable memory and of what keeps it away from the MSI-X table. */
export const PAGE = 4096;
const LEAST_ROM = 2048;

/** What a model says of itself, in full. */
export interface FunctionDescription {
  /** Bytes of its config space after power-on. */
  readonly space: Uint8Array<ArrayBuffer>;
  readonly shapes: readonly (BarShape | undefined)[];
  /** Bytes of the ROM's region; 0 for none. */
  readonly romSize: number;
  readonly vectors: VectorCounts;
  readonly msix: MsixLayout | undefined;
  /** Whether it is on PCI Express. */
  readonly isExpress: boolean;
  /** How the function is reset, by the first way that it has, in the kernel's order; undefined if it cannot be. */
  readonly resetCause: ResetCause | undefined;
  /** Whether a return from D3 to D0 resets it. */
  readonly resetsFromD3: boolean;
}

/**
 * Works out what the parts of a model come to.
 *
 * @throws PciError as `buildSpace`; `ERR_INVALID_ARGUMENT`, `ERR_MISALIGNED` or `ERR_OUT_OF_RANGE` for memory of a BAR that cannot be
 */
export function describeFunction(model: DeviceModel): FunctionDescription {
  checkModel(model);
  const shapes = barNumbers.map((number) => shapeOf(model, number));
  const romSize = romSizeOf(model);
  const space = buildSpace({
    ...model.config,
    bars: shapes,
    ...(romSize > 0 && { rom: { size: romSize } }),
  });
  const config = configOf(bytesRegion(space));
  const msix = config.find("msix");
  const description = {
    space,
    shapes,
    romSize,
    vectors: vectorCounts(config),
    msix: msix && msixLayout(msix),
    isExpress: config.find("pcie") !== undefined,
    resetCause: resetCauseOf(config, model),
    resetsFromD3: resetsFromD3(config),
  };
  checkMsix(model, description.msix);
  if (config.find("vpd") === undefined) refuseVpd(model);
  for (const number of barNumbers) checkMemory(model, number, description.msix);
  return description;
}

function shapeOf({ bars = {} }: DeviceModel, number: BarNumber): BarShape | undefined {
  const bar = bars[number];
  if (bar === undefined) return undefined;
  const { kind, size, prefetchable } = bar;
  return { kind, size, ...(prefetchable !== undefined && { prefetchable }) };
}

function romSizeOf({ rom }: DeviceModel): number {
  if (rom === undefined || rom.length === 0) return 0;
  return Math.max(LEAST_ROM, 2 ** Math.ceil(Math.log2(rom.length)));
}

/** The kernel's order: `pci_reset_fn_methods`. */
function resetCauseOf(config: ConfigSpace, model: DeviceModel): ResetCause | undefined {
  const advanced = config.find("advancedFeatures")?.capabilities.read();
  const hasFlr =
    config.find("pcie")?.deviceCapabilities.functionLevelReset === true ||
    (advanced?.functionLevelReset === true && advanced.transactionsPending);
  if (hasFlr) return "function";
  if (resetsFromD3(config)) return "power-state";
  return model.busReset ? "bus" : undefined;
}

const resetsFromD3 = (config: ConfigSpace): boolean => config.find("pm")?.control.noSoftReset === false;

/** PCI 3.0, section 6.8.2: the structures lie in memory space, and do not overlap. */
function checkMsix({ name, bars = {} }: DeviceModel, msix: MsixLayout | undefined): void {
  if (msix === undefined) return;
  const { table, pba } = msix;
  for (const { bar, offset, size } of [table, pba]) {
    const { kind, size: available = 0 } = bars[bar as BarNumber] ?? {};
    const what = `the MSI-X structures of ${name}`;
    if (kind === "io") {
      throw invalid(
        `${what} are in BAR ${bar}, which is I/O space`,
        "name a BAR of memory in the msix capability",
      );
    }
    if (offset + size <= available) continue;
    throw invalid(
      `${what} end at 0x${(offset + size).toString(16)} of BAR ${bar}, which has 0x${available.toString(16)} bytes`,
      "make the BAR larger, or place them elsewhere in the msix capability",
    );
  }
  if (table.bar !== pba.bar || !overlap(table, pba)) return;
  const behind = (table.offset + table.size).toString(16);
  throw invalid(
    `the MSI-X table and the pending bits of ${name} overlap at 0x${Math.max(table.offset, pba.offset).toString(16)} of BAR ${table.bar}`,
    `place them apart in the msix capability, such as pba: { bar: ${table.bar}, offset: 0x${behind} }`,
  );
}

function checkMemory(
  { name, bars = {} }: DeviceModel,
  number: BarNumber,
  msix: MsixLayout | undefined,
): void {
  const { memory = [], size = 0, kind } = bars[number] ?? {};
  const taken: RegionArea[] = [];
  for (const area of memory) {
    const what = `memory at 0x${area.offset.toString(16)} of BAR ${number} of ${name}`;
    if (kind === "io") throw invalid(`${what} is in I/O space`, "give the BAR the kind memory32 or memory64");
    const arePages = area.offset % PAGE === 0 && area.size % PAGE === 0 && area.size > 0;
    if (!arePages) {
      throw new PciError("ERR_MISALIGNED", `${what} is not made of whole pages`, {
        hint: `give an offset and a size that are multiples of ${PAGE}`,
      });
    }
    if (area.offset < 0 || area.offset + area.size > size) {
      throw new PciError("ERR_OUT_OF_RANGE", `${what} ends behind the BAR's 0x${size.toString(16)} bytes`, {
        hint: "make the BAR larger, or the memory smaller",
      });
    }
    if (taken.some((other) => overlap(other, area)))
      throw invalid(`${what} overlaps other memory`, "move one of them");
    taken.push(area);
    if (
      area.mappable &&
      msix !== undefined &&
      [msix.table, msix.pba].some((span) => span.bar === number && overlap(pagesOf(span), area))
    ) {
      throw invalid(
        `${what} is mappable and holds pages of MSI-X, which a driver must not map`,
        "leave the pages of the table and of the pending bits out of it (row R6)",
      );
    }
  }
}

/** Its bytes are reached by the capability alone. */
function refuseVpd({ name, vpd }: DeviceModel): void {
  if (vpd === undefined || vpd.length === 0) return;
  throw invalid(
    `${name} has vital product data, but no capability that gives access to it`,
    'add { name: "vpd" } to the capabilities of its config, or leave `vpd` out',
  );
}

const overlap = (one: RegionArea, other: RegionArea): boolean =>
  one.offset < other.offset + other.size && other.offset < one.offset + one.size;

function pagesOf({ offset, size }: RegionArea): RegionArea {
  const start = offset - (offset % PAGE);
  return { offset: start, size: Math.ceil((offset + size - start) / PAGE) * PAGE };
}

const invalid = (message: string, hint: string): PciError =>
  new PciError("ERR_INVALID_ARGUMENT", message, { hint });
