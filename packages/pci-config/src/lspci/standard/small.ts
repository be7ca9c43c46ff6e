import { debugPort, sata, slotId } from "../../capabilities/conventional.ts";
import { msix } from "../../capabilities/msix.ts";
import { advancedFeatures, subsystem } from "../../capabilities/small.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { fieldOf, hex, hexField, line } from "../line.ts";
import { subsystemName } from "../names.ts";

const { fields: slot } = slotId.registers.expansion;
const slotLine = line`Slot ID: ${slot.slots} slots, First${slot.first}, chassis `;

/** Slot identification. */
export const slotIdText: CapabilityPrinter = (capability) => {
  const { expansion, chassis } = slotId.registers;
  return `${slotLine(capability.read(expansion))}${hex(capability.read(chassis), 2)}\n`;
};

const { fields: port } = debugPort.registers.location;
const portLine = line`Debug port: BAR=${port.bar} offset=${hexField(port.offset, 4)}\n`;

/** Debug port. */
export const debugPortText: CapabilityPrinter = (capability) =>
  portLine(capability.read(debugPort.registers.location));

/** Subsystem of a bridge. Nothing at all is printed where it cannot be read. */
export const subsystemText: CapabilityPrinter = (capability) => {
  if (!capability.has(4, 4)) return "";
  const { subsystemVendorId, subsystemId } = subsystem.registers;
  const ids = {
    vendor: capability.identity.vendor,
    device: capability.identity.device,
    subvendor: capability.read(subsystemVendorId),
    subdevice: capability.read(subsystemId),
  };
  return `Subsystem: ${subsystemName(capability.options, ids)}\n`;
};

const { fields: af } = advancedFeatures.registers.capabilities;
const { fields: afControl } = advancedFeatures.registers.control;
const { fields: afStatus } = advancedFeatures.registers.status;
const afCapabilities = line`\t\tAFCap: TP${af.transactionsPending} FLR${af.functionLevelReset}\n`;
const afControls = line`\t\tAFCtrl: FLR${afControl.functionLevelReset}\n`;
const afState = line`\t\tAFStatus: TP${afStatus.transactionsPending}\n`;

/** Advanced features. */
export const advancedFeaturesText: CapabilityPrinter = (capability) => {
  const head = "PCI Advanced Features\n";
  if (!capability.verbose || !capability.has(4, 2)) return head;
  const { capabilities, control, status } = advancedFeatures.registers;
  const able = afCapabilities(capability.read(capabilities));
  return head + able + afControls(capability.read(control)) + afState(capability.read(status));
};

const { fields: mx } = msix.registers.control;
const { fields: where } = msix.registers.table;
const msixLine = line`MSI-X: Enable${mx.enable} Count=${(raw) => fieldOf(mx.tableSize, raw) + 1} Masked${mx.functionMask}\n`;
const place = line`BAR=${where.bar} offset=${(raw) => hex((raw & ~7) >>> 0, 8)}\n`;

/** MSI-X. */
export const msixText: CapabilityPrinter = (capability) => {
  const { control, table, pba } = msix.registers;
  const head = msixLine(capability.read(control));
  if (!capability.verbose || !capability.has(4, 8)) return head;
  return `${head}\t\tVector table: ${place(capability.read(table))}\t\tPBA: ${place(capability.read(pba))}`;
};

const { fields: hba } = sata.registers.revision;
const { fields: location } = sata.registers.location;
const hbaLine = line`SATA HBA v${hba.major}.${hba.minor}`;
const BAR_0 = 4;
const BAR_5 = 9;
const IN_CONFIG_SPACE = 15;

/** SATA index and data registers. */
export const sataText: CapabilityPrinter = (capability) => {
  const head = hbaLine(capability.read(sata.registers.revision));
  if (!capability.verbose || !capability.has(4, 4)) return `${head}\n`;
  const raw = capability.read(sata.registers.location);
  const bar = fieldOf(location.bar, raw);
  if (bar === IN_CONFIG_SPACE) return `${head} InCfgSpace\n`;
  if (bar < BAR_0 || bar > BAR_5) return `${head} BAR??${bar}\n`;
  return `${head} BAR${bar - BAR_0} Offset=${hex(fieldOf(location.offset, raw), 8)}\n`;
};
