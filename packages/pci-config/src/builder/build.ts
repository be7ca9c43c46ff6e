import { checkNames, checkType, formatValue, PciError } from "@userpci/interface";
import { bytesRegion } from "../bytes.ts";
import type { CapabilityKind } from "../capability.ts";
import { configOf } from "../config.ts";
import { headerLength } from "../header-layout.ts";
import { standardCapabilities } from "../standard.ts";
import { EXTENDED_SIZE, STANDARD_SIZE } from "../walk.ts";
import { type AnyCapabilityToBuild, areas, encodeCapability } from "./capability.ts";
import type { SpaceDescription } from "./description.ts";
import { writeHeader } from "./header.ts";
import { capabilityNames, descriptionNames } from "./names.ts";
import { linkCapabilities, placeCapabilities } from "./place.ts";
import { checkList } from "./values.ts";

/**
 * Makes the bytes of a valid config space from a description: for emulated devices and tests. Registers take values by the
 * names that the tables have, whatever access software has to them; capabilities are placed, linked and given their lengths.
 *
 * ```ts
 * const bytes = buildSpace({
 *   vendorId: 0x1234,
 *   deviceId: 0x11e8,
 *   bars: [{ kind: "memory32", size: 0x10_0000, address: 0xfea0_0000 }],
 *   capabilities: [{ name: "msi", registers: { control: { address64: true } } }],
 * });
 * ```
 *
 * @returns 256 or 4096 bytes
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` or `ERR_MISALIGNED` with what of the description cannot be, and why
 */
export function buildSpace(description: SpaceDescription): Uint8Array<ArrayBuffer> {
  checkType("the description", description, "object");
  checkNames<object>("a config space", description, descriptionNames, "property");
  const bytes = new Uint8Array(sizeOf(description));
  const region = bytesRegion(bytes);
  writeHeader(region, description);
  for (const [kind, given] of listsOf(description)) {
    const before = bytes.slice(0, areas[kind].start);
    const list = given.map((capability, index) => ({
      name: capability.name ?? `capability ${index}`,
      bytes: encodeCapability(kind, capability, before),
      offset: capability.offset,
    }));
    linkCapabilities(region, kind, list, placeCapabilities(kind, list, headerLength(region)));
  }
  refuseUnsound(bytes);
  return bytes;
}

function listsOf(description: SpaceDescription): [CapabilityKind, readonly AnyCapabilityToBuild[]][] {
  const { capabilities = [], extendedCapabilities = [] } = description;
  const lists: [CapabilityKind, readonly AnyCapabilityToBuild[]][] = [["standard", capabilities]];
  if (extendedCapabilities.length > 0) lists.push(["extended", extendedCapabilities]);
  return lists;
}

function checkCapabilities(list: keyof typeof capabilityNames, given: readonly AnyCapabilityToBuild[]): void {
  checkList(`\`${list}\``, given);
  for (const capability of given) {
    checkType(`an entry of \`${list}\``, capability, "object");
    const { name } = capability;
    if (name !== undefined) checkType(`a name in \`${list}\``, name, "string");
    const what = name ?? "a capability";
    checkNames<object>(`${what} of \`${list}\``, capability, capabilityNames[list], "property");
  }
}

const extending: ReadonlySet<number> = new Set([standardCapabilities.pcie.id, standardCapabilities.pcix.id]);

/** Extended capabilities exist only behind PCI Express, or PCI-X of version 2 (PCI Express 5.0, 7.2). */
function sizeOf({ size, capabilities = [], extendedCapabilities = [] }: SpaceDescription): number {
  checkCapabilities("capabilities", capabilities);
  checkCapabilities("extendedCapabilities", extendedCapabilities);
  const idOf = ({ name, id }: AnyCapabilityToBuild): number | undefined =>
    name !== undefined && Object.hasOwn(standardCapabilities, name)
      ? standardCapabilities[name as keyof typeof standardCapabilities].id
      : id;
  const ids = capabilities.map(idOf);
  if (extendedCapabilities.length > 0 && !ids.some((id) => id !== undefined && extending.has(id))) {
    throw new PciError(
      "ERR_INVALID_ARGUMENT",
      "extended capabilities need a PCI Express or PCI-X capability",
      {
        hint: 'add { name: "pcie" } to `capabilities`',
      },
    );
  }
  const least =
    ids.includes(standardCapabilities.pcie.id) || extendedCapabilities.length > 0
      ? EXTENDED_SIZE
      : STANDARD_SIZE;
  const wanted = size ?? least;
  if (wanted !== STANDARD_SIZE && wanted !== EXTENDED_SIZE) {
    throw new PciError(
      "ERR_INVALID_ARGUMENT",
      `a config space has 256 or 4096 bytes, not ${formatValue(wanted)}`,
      { hint: "leave out `size`, or give one of the two" },
    );
  }
  if (wanted < EXTENDED_SIZE && extendedCapabilities.length > 0) {
    throw new PciError("ERR_INVALID_ARGUMENT", "extended capabilities need 4096 bytes", {
      hint: "leave out `size`",
    });
  }
  return wanted;
}

/** What single values cannot tell, such as a BAR that MSI-X names and that does not exist. */
function refuseUnsound(bytes: Uint8Array): void {
  const found = configOf(bytesRegion(bytes)).problems.find(({ severity }) => severity === "error");
  if (found)
    throw new PciError(
      "ERR_INVALID_ARGUMENT",
      `the description makes a space that is wrong: ${found.message}`,
      { hint: `change what lies at 0x${found.offset.toString(16)}` },
    );
}
