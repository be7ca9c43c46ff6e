import type { BarShape } from "../bar-shape.ts";
import type { type2Header } from "../cardbus-header.ts";
import type { ExtendedCapabilityName, extendedCapabilities } from "../extended.ts";
import type { commonHeader, type0Header, type1Header } from "../header.ts";
import type { CapabilityName, standardCapabilities } from "../standard.ts";
import type { ListValues } from "./lists.ts";
import type { RegisterValues } from "./values.ts";

/** A BAR to build: what it is, and where. */
export interface BarDescriptionToBuild extends BarShape {
  /** Bus address, a multiple of the size. Default 0: none is assigned. */
  readonly address?: bigint | number;
}

/** What every capability to build may say. */
export interface CapabilityContent {
  /** Byte of the space, a multiple of 4. Default: the first gap that it fits into. */
  readonly offset?: number;
  /**
   * Bytes to reserve, with the capability's own header. Default: what its registers tell, or what `bytes` needs. Where a capability tells its
   * length in a register of its own, that is set to it if it is 0.
   */
  readonly length?: number;
  /** Content behind the header of 2 bytes, or 4 of an extended one; registers are written over it. */
  readonly bytes?: ArrayLike<number>;
}

/** A standard capability to build, of any name that the tables have, or of any id. */
export type CapabilityToBuild =
  | {
      [N in CapabilityName]: CapabilityContent & {
        readonly name: N;
        readonly registers?: RegisterValues<(typeof standardCapabilities)[N]["registers"]>;
        readonly lists?: ListValues<(typeof standardCapabilities)[N]["lists"]>;
      };
    }[CapabilityName]
  | (CapabilityContent & {
      readonly name?: undefined;
      readonly id: number;
      readonly registers?: undefined;
      readonly lists?: undefined;
    });

/** An extended capability to build, of any name that the tables have, or of any id. */
export type ExtendedCapabilityToBuild = {
  /** Version of the structure, 0 to 15. Default 1. */
  readonly version?: number;
} & (
  | {
      [N in ExtendedCapabilityName]: CapabilityContent & {
        readonly name: N;
        readonly registers?: RegisterValues<(typeof extendedCapabilities)[N]["registers"]>;
        readonly lists?: ListValues<(typeof extendedCapabilities)[N]["lists"]>;
      };
    }[ExtendedCapabilityName]
  | (CapabilityContent & {
      readonly name?: undefined;
      readonly id: number;
      readonly registers?: undefined;
      readonly lists?: undefined;
    })
);

/** What every kind of space to build may say. */
export interface CommonDescription {
  /** 16 bits, as are those below whose names end in Id, but for the revision's 8. */
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revisionId?: number;
  /** 24 bits: base class, sub-class, programming interface. */
  readonly classCode?: number;
  readonly multiFunction?: boolean;
  /** 1 for INTA to 4 for INTD; 0, the default, for none. */
  readonly interruptPin?: number;
  /** Bytes of the space. Default: 4096 with PCI Express, else 256. */
  readonly size?: 256 | 4096;
  /** By number: 6 of an endpoint, 2 of a bridge, 1 of a CardBus bridge. The upper half of a 64-bit one is left out. */
  readonly bars?: readonly (BarDescriptionToBuild | undefined)[];
  /** The expansion ROM: a power of two of at least 2 KiB. A CardBus bridge has none. */
  readonly rom?: { readonly size: number; readonly address?: number; readonly enable?: boolean };
  /** In the order of their list. */
  readonly capabilities?: readonly CapabilityToBuild[];
  /** In the order of their list, the first at byte 256. */
  readonly extendedCapabilities?: readonly ExtendedCapabilityToBuild[];
}

/** What to build: an endpoint, which is the default, a bridge or a CardBus bridge. Everything that is left out is 0. */
export type SpaceDescription = CommonDescription &
  (
    | {
        readonly layout?: "endpoint";
        readonly subsystemVendorId?: number;
        readonly subsystemId?: number;
        /** Other registers of the header. */
        readonly header?: RegisterValues<typeof commonHeader & typeof type0Header>;
      }
    | {
        readonly layout: "bridge";
        /** Other registers of the header. */
        readonly header?: RegisterValues<typeof commonHeader & typeof type1Header>;
      }
    | {
        readonly layout: "cardbus";
        readonly subsystemVendorId?: number;
        readonly subsystemId?: number;
        /** Other registers of the header. */
        readonly header?: RegisterValues<typeof commonHeader & typeof type2Header>;
      }
  );
