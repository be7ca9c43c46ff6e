import {
  BLOCK,
  cxlBlock,
  cxlFunctionMap,
  cxlRegisters,
  FIRST_BLOCK,
  FUNCTION_MAPS,
} from "../../capabilities/cxl.ts";
import { fieldMask } from "../../table.ts";
import type { CapabilityText } from "../capability-text.ts";
import { fieldOf, hex, line, wordField } from "../line.ts";
import { deviceText, gpfDeviceText } from "./cxl-device.ts";
import { flexBusText, gpfPortText, portText } from "./cxl-port.ts";

/** What the headers of a DVSEC say. */
export interface Designated {
  readonly id: number;
  readonly revision: number;
  /** Bytes. */
  readonly length: number;
}

type CxlPrinter = (capability: CapabilityText, dvsec: Designated) => string;

/** Only the lower halves, which lspci prints with the digits of the whole. */
const functionMapText: CxlPrinter = (capability) => {
  const maps = FUNCTION_MAPS.map((at, map) => {
    const devices = capability.read16(at + cxlFunctionMap.devices.offset);
    return `\t\tFuncMap ${map}: ${hex(devices, 8)}\n`;
  });
  return `\t\tNon-CXL Function Map DVSEC\n${maps.join("")}`;
};

const { fields: b } = cxlBlock.low;
const blockNames = [
  "empty",
  "component registers",
  "BAR virtualization",
  "CXL device registers",
  "CPMU registers",
];
const VENDOR_BLOCK = 0xff;
const otherBlock = (id: number) => (id === VENDOR_BLOCK ? "vendor-specific" : "<?>");
const blockLine = line`BIR: bar${b.bar}, ID: ${wordField(b.id, blockNames, otherBlock)}, offset: `;

const locatorText: CxlPrinter = (capability, { length }) => {
  let text = "\t\tRegister Locator DVSEC\n";
  for (let at = FIRST_BLOCK, number = 1; at + BLOCK <= length; at += BLOCK, number++) {
    const low = capability.read32(at);
    if (fieldOf(b.id, low) === 0) continue;
    const offset =
      hex(capability.read32(at + cxlBlock.offsetHigh.offset), 8) + hex((low & fieldMask(b.offset)) >>> 0, 8);
    text += `\t\tBlock${number}: ${blockLine(low)}${offset}\n`;
  }
  return text;
};

/** More cannot be. */
const MOST_LOGICAL_DEVICES = 16;

const logicalDevicesText: CxlPrinter = (capability) => {
  const count = capability.read(cxlRegisters.logicalDevices);
  const known = count >= 1 && count <= MOST_LOGICAL_DEVICES;
  return `\t\tMLD DVSEC\n${known ? `\t\tNumLogDevs: ${count}\n` : ""}`;
};

/** The DVSECs of CXL, by id. */
const printers: ReadonlyMap<number, CxlPrinter> = new Map([
  [0x0, deviceText],
  [0x2, functionMapText],
  [0x3, portText],
  [0x4, gpfPortText],
  [0x5, gpfDeviceText],
  [0x7, flexBusText],
  [0x8, locatorText],
  [0x9, logicalDevicesText],
  [0xa, () => "\t\tPCIe DVSEC for Test Capability <?>\n"],
]);

/** What a DVSEC of CXL holds. */
export function cxlText(capability: CapabilityText, dvsec: Designated): string {
  const printer = printers.get(dvsec.id);
  return printer ? printer(capability, dvsec) : `\t\tUnknown ID ${hex(dvsec.id, 4)}\n`;
}
