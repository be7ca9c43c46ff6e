import { checkInteger, checkNames, checkType, formatValue, PciError } from "@userpci/interface";
import type { BarMemory, BarModel, BarNumber, DeviceModel, ModelConfig } from "../model.ts";

/** Most bytes of vital product data: its address has 15 bits (PCI 3.0, appendix I). */
const MOST_VPD = 0x8000;

/** What a name stands for in messages. */
const PART = "property";

const modelNames: Readonly<Record<keyof DeviceModel, true>> = {
  name: true,
  config: true,
  bars: true,
  rom: true,
  vpd: true,
  busReset: true,
  addressBits: true,
  create: true,
};

const configNames: Readonly<Record<keyof ModelConfig, true>> = {
  vendorId: true,
  deviceId: true,
  revisionId: true,
  classCode: true,
  subsystemVendorId: true,
  subsystemId: true,
  multiFunction: true,
  interruptPin: true,
  size: true,
  header: true,
  capabilities: true,
  extendedCapabilities: true,
};

const barNames: Readonly<Record<keyof BarModel, true>> = {
  kind: true,
  size: true,
  prefetchable: true,
  memory: true,
  registers: true,
};

const areaNames: Readonly<Record<keyof BarMemory, true>> = { offset: true, size: true, mappable: true };

/**
 * Checks what a model is made of, but not yet whether that makes a function.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`
 */
export function checkModel(model: DeviceModel): void {
  const { name, config, rom, vpd } = model;
  checkNames(`the model ${name}`, model, modelNames, PART);
  checkType(`the config of ${name}`, config, "object");
  checkNames(`the config of ${name}`, config, configNames, PART);
  checkBars(model);
  checkBytes(`the ROM of ${name}`, rom);
  checkBytes(`the vital product data of ${name}`, vpd);
  const { length = 0 } = vpd ?? {};
  if (length <= MOST_VPD) return;
  throw new PciError(
    "ERR_OUT_OF_RANGE",
    `the vital product data of ${name} has ${length} bytes, and no address reaches beyond ${MOST_VPD}`,
    { hint: `give at most ${MOST_VPD} bytes as \`vpd\`` },
  );
}

function checkBytes(what: string, bytes: Uint8Array | undefined): void {
  if (bytes === undefined || bytes instanceof Uint8Array) return;
  throw new PciError("ERR_INVALID_ARGUMENT", `${what} must be a Uint8Array, not ${formatValue(bytes)}`, {
    hint: "pass its bytes, such as Uint8Array.of(0x55, 0xaa) or readFileSync(path)",
  });
}

const allBars: Readonly<Record<BarNumber, true>> = { 0: true, 1: true, 2: true, 3: true, 4: true, 5: true };

function checkBars({ name, bars }: DeviceModel): void {
  if (bars === undefined) return;
  // An array of them does as well.
  if (!Array.isArray(bars)) checkType(`the BARs of ${name}`, bars, "object");
  checkNames("a function", bars, allBars, "BAR");
  for (const [number, bar] of Object.entries(bars)) {
    if (bar !== undefined) checkAreas(`BAR ${number} of ${name}`, bar);
  }
}

function checkAreas(what: string, bar: BarModel): void {
  checkType(what, bar, "object");
  checkNames(what, bar, barNames, PART);
  const { memory = [] } = bar;
  if (!Array.isArray(memory)) {
    throw new PciError(
      "ERR_INVALID_ARGUMENT",
      `the memory of ${what} must be an array, not ${formatValue(memory)}`,
      { hint: "for example [{ offset: 0, size: 4096, mappable: true }]" },
    );
  }
  for (const area of memory as readonly BarMemory[]) {
    checkType(`each area of the memory of ${what}`, area, "object");
    checkNames(`an area of the memory of ${what}`, area, areaNames, PART);
    checkInteger(`the offset of memory of ${what}`, area.offset, 0, Number.MAX_SAFE_INTEGER);
    checkInteger(`the size of memory of ${what}`, area.size, 0, Number.MAX_SAFE_INTEGER);
  }
}
