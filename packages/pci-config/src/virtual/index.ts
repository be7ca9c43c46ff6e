/**
 * Config space as the user of a device is given it: permission tables as data, and the space that obeys them.
 *
 * @packageDocumentation
 */
export { type BarShape, barShapes } from "../bar-shape.ts";
export {
  canMaskIntx,
  type FunctionIds,
  type Provider,
  type VirtualDevice,
  virtualFunctionIds,
} from "./device.ts";
export type { Explanation } from "./explain.ts";
export type { Structure } from "./layout.ts";
export { linux } from "./linux.ts";
export type {
  DefaultRule,
  MediationName,
  PermissionRule,
  Profile,
  StructureRules,
  StructureTable,
} from "./rule.ts";
export { VirtualConfigSpace } from "./space.ts";
export { vfio2010 } from "./vfio2010.ts";
