import { PciError } from "@userpci/interface";
import type { CapabilityBase, CapabilityKind } from "../capability.ts";
import type { ConfigSpace } from "../config.ts";
import { readRegister, writeRegister } from "../register.ts";
import { EXTENDED_SIZE } from "../walk.ts";
import type { Operation } from "./operation.ts";

/** Where an operation goes in a config space. */
export interface Target {
  /** Byte of the space. */
  readonly offset: number;
  /** The capability that it is counted from, if it is. */
  readonly capability?: { readonly kind: CapabilityKind; readonly id: number; readonly offset: number };
}

/** One register of an operation that was done. */
export interface Step {
  readonly offset: number;
  /** What was read; undefined where nothing is read before a write of all bits. */
  readonly before?: number;
  /** What was written, or would be; undefined for a read. */
  readonly after?: number;
}

const words = { standard: "Capability", extended: "Extended capability" } as const;

/**
 * Finds the register of an operation.
 *
 * @throws PciError `ERR_NOT_SUPPORTED` if the header does not have the register or there is no such capability, `ERR_OUT_OF_RANGE` if it
 * lies outside the space, with setpci's own words
 */
export function resolveOperation(config: ConfigSpace, operation: Operation): Target {
  const { base, offset, width } = operation;
  if (base.kind === "address") {
    const { named } = base;
    if (named?.layouts && !named.layouts.includes(config.headerType.layout)) {
      throw new PciError("ERR_NOT_SUPPORTED", `Does not have register ${named.name}.`, {
        hint: "give the register by its number",
      });
    }
    return { offset: base.offset + offset };
  }
  const found = findCapability(config, operation, base.kind, base.id);
  const at = found.offset + offset;
  if (at + width / 8 > EXTENDED_SIZE) {
    const hex = at.toString(16).padStart(2, "0");
    throw new PciError("ERR_OUT_OF_RANGE", `Access of width ${width / 8} to register ${hex} out of range`, {
      hint: `give a smaller offset: the capability lies at ${found.offset.toString(16)}, and the space ends at ${EXTENDED_SIZE.toString(16)}`,
    });
  }
  return { offset: at, capability: { kind: base.kind, id: base.id, offset: found.offset } };
}

function findCapability(
  config: ConfigSpace,
  { instance }: Operation,
  kind: CapabilityKind,
  id: number,
): CapabilityBase {
  const all: readonly CapabilityBase[] =
    kind === "standard" ? config.capabilities() : config.extendedCapabilities();
  const matching = all.filter((capability) => capability.id === id);
  const found = matching[instance];
  if (found) return found;
  const count = matching.length;
  const there =
    count === 0
      ? "there are no capabilities"
      : count === 1
        ? "there is only 1 capability"
        : `there are only ${count} capabilities`;
  throw new PciError(
    "ERR_NOT_SUPPORTED",
    `Instance #${instance} of ${words[kind]} ${id.toString(16).padStart(4, "0")} not found - ${there} with that id.`,
    { hint: "userpci lspci -vv lists the capabilities that there are" },
  );
}

/** How an operation is done. */
export interface ApplyOptions {
  /** Read what is read, but write nothing. Default false. */
  readonly dryRun?: boolean;
}

/**
 * Does an operation on a config space: reads the register, or writes its values into it and those that follow. A value with a
 * mask is one read and one write; one without is a write alone.
 *
 * @throws PciError as {@link resolveOperation}, and what the region throws
 */
export function applyOperation(
  config: ConfigSpace,
  operation: Operation,
  options: ApplyOptions = {},
): readonly Step[] {
  const { region } = config;
  const { offset: first } = resolveOperation(config, operation);
  const { width, values } = operation;
  if (values === undefined) return [{ offset: first, before: readRegister(region, width, first) }];
  return values.map(({ value, mask }, index) => {
    const offset = first + (index * width) / 8;
    const before = mask === undefined ? undefined : readRegister(region, width, offset);
    const after = before === undefined ? value : ((before & ~mask!) | (value & mask!)) >>> 0;
    if (options.dryRun !== true) writeRegister(region, width, offset, after);
    return { offset, after, ...(before !== undefined && { before }) };
  });
}
