import { PciAddress } from "../address.ts";
import { pathIn, readNames, readText, type TreeOptions } from "../tree.ts";
import { attributeOf, fileOn, type GeneratedFile, heading, type NamedFunction } from "./generated-file.ts";
import { type Grantee, plainName } from "./grantee.ts";
import type { Permission } from "./permission.ts";

/** Begins the line of a rule file that says for programs whom it is for. */
const RECORD = "# userpci-permission ";
const DIRECTORY = "/etc/udev/rules.d";

/**
 * The rule that gives the nodes of a function their owner whenever they appear. Numbers of groups and names of device nodes
 * change between boots, so it asks which function a node leads to: a group's node has its members below
 * `/sys/kernel/iommu_groups`, a device's node has the function for its parent.
 */
export function permissionRule(permission: Permission): GeneratedFile {
  const { address, vendor, device, grantee } = permission;
  const fn = `[pci/${address}]`;
  const same = `ATTR{${fn}vendor}=="${attributeOf(vendor)}", ATTR{${fn}device}=="${attributeOf(device)}"`;
  const name = plainName(grantee);
  const grant = `${grantee.kind === "user" ? "OWNER" : "GROUP"}="${name}", MODE="0660"`;
  const members = "/sys/kernel/iommu_groups";
  const lines = [
    `ACTION=="remove", GOTO="end"`,
    "# The node of its IOMMU group, and that of no-IOMMU mode.",
    `SUBSYSTEM=="vfio", TEST=="${members}/%k/devices/${address}", ${same}, ${grant}`,
    `SUBSYSTEM=="vfio", KERNEL=="noiommu-*", TEST=="${members}/%n/devices/${address}", ${same}, ${grant}`,
    "# Its own node, and the one of IOMMUs that goes with it.",
    `SUBSYSTEM=="vfio-dev", KERNELS=="${address}", ATTRS{vendor}=="${attributeOf(vendor)}", ATTRS{device}=="${attributeOf(device)}", ${grant}`,
    `SUBSYSTEM=="misc", KERNEL=="iommu", ${same}, ${grant}`,
    `LABEL="end"`,
  ];
  const first = heading(permission, `open to ${grantee.kind} ${name}`, `permit ${address} --remove`);
  const text = `${first}${RECORD}${record(permission)}\n${lines.join("\n")}\n`;
  return fileOn("permissionRule", permission, text);
}

/** What a rule file says for programs. */
export interface PermissionRecord extends NamedFunction {
  readonly grantee: Grantee;
}

function record({ address, vendor, device, grantee }: PermissionRecord): string {
  return JSON.stringify({ address, vendor, device, grantee });
}

/** Every permission that the machine has rules of. What is not ours, or damaged, is passed over. */
export function readPermissions(options: TreeOptions): PermissionRecord[] {
  const names = readNames(pathIn(options, DIRECTORY)).filter((name) => name.startsWith("60-userpci-permit-"));
  return names.flatMap((name) => {
    const text = readText(pathIn(options, `${DIRECTORY}/${name}`)) ?? "";
    const line = text.split("\n").find((candidate) => candidate.startsWith(RECORD));
    return line === undefined ? [] : (parseRecord(line.slice(RECORD.length)) ?? []);
  });
}

function parseRecord(text: string): PermissionRecord | null {
  try {
    const value = JSON.parse(text) as Partial<PermissionRecord> | null;
    const { address, vendor, device, grantee } = value ?? {};
    if (typeof address !== "string" || PciAddress.tryParse(address)?.toString() !== address) return null;
    if (!isId(vendor, 0xffff) || !isId(device, 0xffff) || !isGrantee(grantee)) return null;
    return { address, vendor, device, grantee };
  } catch {
    return null;
  }
}

function isGrantee(value: unknown): value is Grantee {
  if (typeof value !== "object" || value === null) return false;
  const { kind, id, name } = value as Partial<Grantee>;
  return (kind === "user" || kind === "group") && isId(id, 0xffff_fffe) && typeof name === "string";
}

function isId(value: unknown, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max;
}
