/**
 * Config spaces made from a description.
 *
 * @packageDocumentation
 */
export { type BarShape, barShapes } from "../bar-shape.ts";
export { buildSpace } from "./build.ts";
export type {
  BarDescriptionToBuild,
  CapabilityContent,
  CapabilityToBuild,
  CommonDescription,
  ExtendedCapabilityToBuild,
  SpaceDescription,
} from "./description.ts";
export type { ListValues } from "./lists.ts";
export type { RegisterValues } from "./values.ts";
