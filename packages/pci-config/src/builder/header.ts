import {
  checkAligned,
  checkInteger,
  checkNames,
  checkType,
  formatValue,
  PciError,
  type Region,
} from "@userpci/interface";
import { barTypeBits, checkBarShape } from "../bar-shape.ts";
import { commonHeader, type0Header } from "../header.ts";
import { headerLayouts } from "../header-layout.ts";
import type { RegisterTable } from "../table.ts";
import type { Span } from "../view.ts";
import type { BarDescriptionToBuild, SpaceDescription } from "./description.ts";
import { barNames, romNames } from "./names.ts";
import { type AnyRegisterValues, checkList, writeValues } from "./values.ts";

/** Writes the bytes of the header, but for the pointer to the capabilities. @throws PciError as `buildSpace` */
export function writeHeader(region: Region, description: SpaceDescription): void {
  const { layout = "endpoint", bars = [], rom, header = {} } = description;
  checkList("`bars`", bars);
  if (!Object.hasOwn(headerLayouts, layout)) {
    throw new PciError("ERR_INVALID_ARGUMENT", `there is no layout ${formatValue(layout)}`, {
      hint: `give one of ${Object.keys(headerLayouts).join(", ")}`,
    });
  }
  const { code, bars: count, registers } = headerLayouts[layout];
  const table: RegisterTable = { ...commonHeader, ...registers };
  const span = { region, offset: 0, traits: new Set<string>(), name: "header" };
  writeValues(span, table, header as AnyRegisterValues);
  writeValues(span, table, { ...idsOf(description), headerType: headerTypeOf(description, code) });
  if (bars.length > count) {
    throw new PciError(
      "ERR_OUT_OF_RANGE",
      `a header of layout ${layout} has ${count} BARs, not ${bars.length}`,
      {
        hint: `give at most ${count}; the upper half of a 64-bit BAR takes a place, which is undefined in the list`,
      },
    );
  }
  for (const [index, bar] of bars.entries()) if (bar !== undefined) writeBar(region, index, bar, bars, count);
  if (rom !== undefined) writeRom(span, table, rom, (header as AnyRegisterValues)["rom"]);
}

/** @param given what the description says of the ROM's register, beside address and enable */
function writeRom(
  span: Omit<Span, "length">,
  { rom: register }: RegisterTable,
  rom: SpaceDescription["rom"] & object,
  given: AnyRegisterValues[string],
): void {
  if (register === undefined) {
    throw new PciError("ERR_INVALID_ARGUMENT", "a header of layout cardbus has no expansion ROM", {
      hint: "leave out `rom`",
    });
  }
  checkType("`rom`", rom, "object");
  checkNames("`rom`", rom, romNames, "property");
  const { size, address = 0, enable = false } = rom;
  if (!Number.isInteger(Math.log2(size)) || size < 2048 || size > 2 ** 24) {
    throw new PciError("ERR_INVALID_ARGUMENT", `an expansion ROM cannot have ${size} bytes`, {
      hint: "give a power of two from 2 KiB to 16 MiB (section 7.5.1.2.4)",
    });
  }
  checkAligned("address of the ROM", checkInteger("address of the ROM", address, 0, 0xffff_ffff), size);
  const others = typeof given === "object" ? given : {};
  writeValues(span, { rom: register }, { rom: { ...others, address, enable } });
}

function idsOf(description: SpaceDescription): AnyRegisterValues {
  const { vendorId, deviceId, revisionId, classCode, interruptPin } = description;
  const ids: Record<string, number | undefined> = { vendorId, deviceId, revisionId };
  if (classCode !== undefined) {
    checkInteger("classCode", classCode, 0, 0xff_ffff);
    ids["baseClass"] = classCode >>> 16;
    ids["subClass"] = (classCode >>> 8) & 0xff;
    ids["programmingInterface"] = classCode & 0xff;
  }
  if (interruptPin !== undefined) ids["interruptPin"] = checkInteger("interruptPin", interruptPin, 0, 4);
  if (description.layout !== "bridge") {
    ids["subsystemVendorId"] = description.subsystemVendorId;
    ids["subsystemId"] = description.subsystemId;
  }
  return ids;
}

function headerTypeOf({ multiFunction, header }: SpaceDescription, layout: number) {
  const given = header?.headerType;
  const isMulti =
    typeof given === "object" ? given.multiFunction : given !== undefined && (given & 0x80) !== 0;
  return { layout, multiFunction: multiFunction ?? isMulti ?? false };
}

function writeBar(
  region: Region,
  index: number,
  bar: BarDescriptionToBuild,
  bars: SpaceDescription["bars"] & object,
  count: number,
): void {
  checkType(`BAR ${index}`, bar, "object");
  checkNames(`BAR ${index}`, bar, barNames, "property");
  checkBarShape(index, bar);
  const wide = bar.kind === "memory64";
  if (wide && (index + 1 >= count || bars[index + 1] !== undefined)) {
    throw new PciError(
      "ERR_INVALID_ARGUMENT",
      `BAR ${index} is 64-bit, but register ${index + 1} is not free for its upper half`,
      {
        hint:
          index + 1 < count
            ? `put undefined into \`bars\` at ${index + 1}, or make it memory32`
            : "make it memory32, or put it further up",
      },
    );
  }
  const address = addressOf(index, bar);
  const at = commonBar + 4 * index;
  region.write32(at, Number(address & 0xffff_ffffn) | barTypeBits(bar));
  if (wide) region.write32(at + 4, Number(address >> 32n));
}

const commonBar = type0Header.bar0.offset;

function addressOf(index: number, { kind, size, address = 0 }: BarDescriptionToBuild): bigint {
  const value =
    typeof address === "bigint"
      ? address
      : BigInt(checkInteger(`address of BAR ${index}`, address, 0, Number.MAX_SAFE_INTEGER));
  if (value < 0n || value >> (kind === "memory64" ? 64n : 32n) !== 0n) {
    throw new PciError(
      "ERR_OUT_OF_RANGE",
      `the address of BAR ${index} is 0x${value.toString(16)}, which ${kind} cannot hold`,
      { hint: kind === "memory64" ? "give an address below 2 ** 64" : "give an address below 4 GiB" },
    );
  }
  if (value % BigInt(size) === 0n) return value;
  throw new PciError(
    "ERR_MISALIGNED",
    `the address of BAR ${index} is 0x${value.toString(16)}, not a multiple of its ${size} bytes`,
    { hint: `give 0x${(value - (value % BigInt(size))).toString(16)} or another multiple` },
  );
}
