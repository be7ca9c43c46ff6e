import { formatValue, PciError, type Region } from "@userpci/interface";
import type { CapabilityBase } from "./capability.ts";
import { capabilityNamed } from "./capability-name.ts";
import type { type2Header } from "./cardbus-header.ts";
import type { ExtendedCapability, ExtendedCapabilityName } from "./extended.ts";
import { commonHeader, HEADER_SIZE, type type0Header, type type1Header } from "./header.ts";
import { type HeaderLayout, headerLayouts, headerLength, layoutOf } from "./header-layout.ts";
import { type ConfigMap, mapOf } from "./map.ts";
import { ignore, type Problem } from "./problem.ts";
import type { Capability, CapabilityName } from "./standard.ts";
import { openAt, survey } from "./survey.ts";
import { type RegisterSet, type Registers, registerSetClass, type Span, type Traits } from "./view.ts";
import { EXTENDED_SIZE, walkExtended, walkStandard } from "./walk.ts";

/** A capability whose id no table of ours has: its id and bytes are kept. */
export type UnknownCapability = CapabilityBase<"unknown">;

/** Any standard capability; tell them apart by `name`. */
export type AnyCapability = Capability | UnknownCapability;

/** Any extended capability; tell them apart by `name`. */
export type AnyExtendedCapability = ExtendedCapability | UnknownCapability;

const CommonHeader = registerSetClass(commonHeader);
const EndpointRegisters = registerSetClass(headerLayouts.endpoint.registers);
const BridgeRegisters = registerSetClass(headerLayouts.bridge.registers);
const CardbusRegisters = registerSetClass(headerLayouts.cardbus.registers);

/** The registers that only an endpoint's header has. */
export type EndpointHeader = RegisterSet & Registers<typeof type0Header>;
/** The registers that only a bridge's header has. */
export type BridgeHeader = RegisterSet & Registers<typeof type1Header>;
/** The registers that only a CardBus bridge's header has. */
export type CardbusHeader = RegisterSet & Registers<typeof type2Header>;

const noTraits: Traits = new Set();

const headerSpan = (region: Region, length: number = HEADER_SIZE): Span => ({
  region,
  offset: 0,
  length,
  traits: noTraits,
  name: "header",
});

/**
 * A function's configuration space, decoded from a region as it is asked for. Nothing is cached: every property reads the
 * region, once, and what a live device changes shows. The registers of every header type are properties; `endpoint`,
 * `bridge` and `cardbus` hold the others.
 *
 * No bytes make it throw but where a capability is cut off (`ERR_CAPABILITY`); what is wrong is in {@link problems}. Errors
 * of the region pass through.
 */
export class ConfigSpace extends CommonHeader {
  /** Where the bytes come from. */
  declare readonly region: Region;

  /** @throws PciError `ERR_INVALID_ARGUMENT` if it is no region, or too small for a header */
  constructor(region: Region) {
    requireRegion(region);
    if (region.size < HEADER_SIZE) {
      throw new PciError("ERR_INVALID_ARGUMENT", `a config space has at least 64 bytes, not ${region.size}`, {
        hint: "give the whole config region or file: 64 bytes unprivileged, 256, or 4096 with extended capabilities",
      });
    }
    super(headerSpan(region));
    this.region = region;
  }

  /** Bytes of the space: 64, 256 or 4096, or what else the region has up to 4096. */
  get size(): number {
    return Math.min(this.region.size, EXTENDED_SIZE);
  }

  /** The class code: base class, sub-class and programming interface in 24 bits, from one read (section 7.5.1.1.6). */
  get classCode(): number {
    return this.region.read32(commonHeader.revisionId.offset) >>> 8;
  }

  /** What the header is; undefined for a type that no specification has. */
  get layout(): HeaderLayout | undefined {
    return layoutOf(this.headerType.raw);
  }

  /** The other registers of a type 0 header; undefined on any other type. */
  get endpoint(): EndpointHeader | undefined {
    return this.layout === "endpoint" ? new EndpointRegisters(headerSpan(this.region)) : undefined;
  }

  /** The other registers of a type 1 header; undefined on any other type. */
  get bridge(): BridgeHeader | undefined {
    return this.layout === "bridge" ? new BridgeRegisters(headerSpan(this.region)) : undefined;
  }

  /**
   * The other registers of a type 2 header; undefined on any other type. Its subsystem ids and legacy base lie behind the first 64
   * bytes: reading them throws `ERR_CAPABILITY` where the region ends before.
   */
  get cardbus(): CardbusHeader | undefined {
    if (this.layout !== "cardbus") return undefined;
    return new CardbusRegisters(headerSpan(this.region, headerLength(this.region)));
  }

  /** The standard capabilities, in the order of their list. */
  capabilities(): readonly AnyCapability[] {
    return Array.from(
      walkStandard(this.region, ignore),
      (place) => openAt(this.region, place).capability as AnyCapability,
    );
  }

  /** The extended capabilities, in the order of their list. */
  extendedCapabilities(): readonly AnyExtendedCapability[] {
    return Array.from(
      walkExtended(this.region, ignore),
      (place) => openAt(this.region, place).capability as AnyExtendedCapability,
    );
  }

  /**
   * The first standard capability of a name, such as `msix`; undefined if the function has none.
   *
   * @throws PciError `ERR_INVALID_ARGUMENT` for a name that no standard capability has
   */
  find<N extends CapabilityName>(name: N): Capability<N> | undefined {
    const { id } = capabilityNamed("standard", name);
    for (const place of walkStandard(this.region, ignore)) {
      // The class was made of the row that this name has in the table.
      if (place.id === id) return openAt(this.region, place).capability as unknown as Capability<N>;
    }
    return undefined;
  }

  /**
   * The first extended capability of a name, such as `aer`; undefined if the function has none.
   *
   * @throws PciError `ERR_INVALID_ARGUMENT` for a name that no extended capability has
   */
  findExtended<N extends ExtendedCapabilityName>(name: N): ExtendedCapability<N> | undefined {
    const { id } = capabilityNamed("extended", name);
    for (const place of walkExtended(this.region, ignore)) {
      if (place.id === id) return openAt(this.region, place).capability as unknown as ExtendedCapability<N>;
    }
    return undefined;
  }

  /** Who owns each byte (row R7). */
  map(): ConfigMap {
    return mapOf(
      this.size,
      headerLength(this.region),
      [...this.capabilities(), ...this.extendedCapabilities()],
      ignore,
    );
  }

  /** What is wrong with the space; empty for a sound one. */
  get problems(): readonly Problem[] {
    return survey(this).problems;
  }
}

function requireRegion(region: unknown): void {
  const { size, read32 } = Object(region) as Partial<Record<keyof Region, unknown>>;
  if (typeof size === "number" && typeof read32 === "function") return;
  throw new PciError(
    "ERR_INVALID_ARGUMENT",
    `a config space is read through a region, not ${formatValue(region)}`,
    {
      hint: "give the config region of a device, or bytes as configOf(bytesRegion(bytes))",
    },
  );
}

/**
 * The config space over a region: of an open device, a file, or bytes in memory (`bytesRegion`).
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` if it is no region, or has fewer than 64 bytes
 */
export function configOf(region: Region): ConfigSpace {
  return new ConfigSpace(region);
}
