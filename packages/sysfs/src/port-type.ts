import { findCapability } from "./config-bytes.ts";

/** What a function is to PCI Express: the device/port type of its capability (PCI Express 5.0, section 7.5.3.2). */
export const portTypes = {
  0: "endpoint",
  1: "legacy endpoint",
  4: "root port",
  5: "upstream port",
  6: "downstream port",
  7: "bridge to conventional PCI",
  8: "bridge from conventional PCI",
  9: "integrated endpoint",
  10: "event collector",
} as const;

/** One of {@link portTypes}. */
export type PortType = (typeof portTypes)[keyof typeof portTypes];

/** Capability PCI Express, and the half-word that has the type in bits 4 to 7. */
const PCI_EXPRESS = 0x10;
const FLAGS = 2;

/**
 * The type in a function's configuration space.
 *
 * @returns null for conventional PCI and a type of the future; undefined where the bytes end before it, as for an ordinary user
 */
export function portTypeOf(bytes: Buffer): PortType | null | undefined {
  const at = findCapability(bytes, PCI_EXPRESS);
  if (at === null || at === undefined) return at;
  if (at + FLAGS + 2 > bytes.length) return undefined;
  const type = (bytes.readUInt16LE(at + FLAGS) >>> 4) & 0xf;
  return (portTypes as Readonly<Record<number, PortType>>)[type] ?? null;
}

/** Whether requests pass from one device to another below it, unless Access Control Services send them up. */
export function forwards(type: PortType | null): boolean {
  return type === "root port" || type === "downstream port";
}
