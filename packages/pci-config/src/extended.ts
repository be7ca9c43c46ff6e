import { accessControl } from "./capabilities/access-control.ts";
import { addressTranslation, pageRequest, pasid } from "./capabilities/address-translation.ts";
import { aer } from "./capabilities/aer.ts";
import { alternateProtocol } from "./capabilities/alternate-protocol.ts";
import { dataLinkFeature } from "./capabilities/data-link-feature.ts";
import { dataObjectExchange } from "./capabilities/data-object-exchange.ts";
import { device3 } from "./capabilities/device3.ts";
import { downstreamContainment } from "./capabilities/downstream-containment.ts";
import { enclosureManagement } from "./capabilities/enclosure-management.ts";
import { flitErrorInjection } from "./capabilities/flit-error-injection.ts";
import { flitLogging } from "./capabilities/flit-logging.ts";
import { flitPerformance } from "./capabilities/flit-performance.ts";
import { hierarchyId } from "./capabilities/hierarchy-id.ts";
import { ide } from "./capabilities/ide.ts";
import { l1Substates } from "./capabilities/l1-substates.ts";
import { laneMargining } from "./capabilities/lane-margining.ts";
import { latencyTolerance } from "./capabilities/latency-tolerance.ts";
import { lightweightNotification } from "./capabilities/lightweight-notification.ts";
import { multicast } from "./capabilities/multicast.ts";
import { physicalLayer16, physicalLayer32, physicalLayer64 } from "./capabilities/physical-layer.ts";
import { dynamicPower, powerBudgeting } from "./capabilities/power.ts";
import { precisionTime } from "./capabilities/precision-time.ts";
import { processingHints } from "./capabilities/processing-hints.ts";
import { protocolMultiplexing } from "./capabilities/protocol-multiplexing.ts";
import { frsQueueing, readinessTime } from "./capabilities/readiness.ts";
import { registerBlockLocator } from "./capabilities/register-block-locator.ts";
import { resizableBar, vfResizableBar } from "./capabilities/resizable-bar.ts";
import {
  eventCollectorAssociation,
  rootLinkControl,
  rootLinkDeclaration,
  rootRegisterBlock,
} from "./capabilities/root-complex.ts";
import { alternativeRoutingId } from "./capabilities/routing-id.ts";
import { secondaryPcie } from "./capabilities/secondary-pcie.ts";
import { shadowFunctions } from "./capabilities/shadow-functions.ts";
import { serialNumber } from "./capabilities/small.ts";
import { sriov } from "./capabilities/sriov.ts";
import { streamlinedVirtualChannel } from "./capabilities/streamlined-virtual-channel.ts";
import { systemFirmware } from "./capabilities/system-firmware.ts";
import { dvsec, vsec } from "./capabilities/vendor-extended.ts";
import {
  multiFunctionVirtualChannel,
  virtualChannel,
  virtualChannelBesideMfvc,
} from "./capabilities/virtual-channel.ts";
import { type CapabilitySpec, type CapabilityView, capability } from "./capability.ts";

/** The extended capabilities, by name: every id of the PCI Code and ID Assignment Specification 1.15. */
export const extendedCapabilities = {
  null: capability({ id: 0x0000, title: "Null" }),
  aer,
  virtualChannel,
  serialNumber,
  powerBudgeting,
  rootLinkDeclaration,
  rootLinkControl,
  eventCollectorAssociation,
  multiFunctionVirtualChannel,
  virtualChannelBesideMfvc,
  rootRegisterBlock,
  vsec,
  accessCorrelation: capability({ id: 0x000c, title: "Configuration Access Correlation" }),
  accessControl,
  alternativeRoutingId,
  addressTranslation,
  sriov,
  mriov: capability({ id: 0x0011, title: "Multi-Root I/O Virtualization" }),
  multicast,
  pageRequest,
  amdReserved: capability({ id: 0x0014, title: "Reserved for AMD" }),
  resizableBar,
  dynamicPower,
  processingHints,
  latencyTolerance,
  secondaryPcie,
  protocolMultiplexing,
  pasid,
  lightweightNotification,
  downstreamContainment,
  l1Substates,
  precisionTime,
  mobilePcie: capability({ id: 0x0020, title: "PCI Express over M-PHY" }),
  frsQueueing,
  readinessTime,
  dvsec,
  vfResizableBar,
  dataLinkFeature,
  physicalLayer16,
  laneMargining,
  hierarchyId,
  enclosureManagement,
  physicalLayer32,
  alternateProtocol,
  systemFirmware,
  shadowFunctions,
  dataObjectExchange,
  device3,
  ide,
  physicalLayer64,
  flitLogging,
  flitPerformance,
  flitErrorInjection,
  streamlinedVirtualChannel,
  registerBlockLocator,
} as const satisfies Record<string, CapabilitySpec>;

/** Name of an extended capability. */
export type ExtendedCapabilityName = keyof typeof extendedCapabilities;

/** An extended capability by name, with its registers. */
export type ExtendedCapability<N extends ExtendedCapabilityName = ExtendedCapabilityName> = {
  [K in N]: CapabilityView<
    K,
    (typeof extendedCapabilities)[K]["registers"],
    (typeof extendedCapabilities)[K]["lists"]
  >;
}[N];
