import { PciAddress } from "./address.ts";

/** What the kernel says of a device that came, went, or changed (`lib/kobject_uevent.c`). */
export interface Uevent {
  readonly type: "uevent";
  /** `add`, `remove`, `change`, `bind`, `unbind`, `move`, `online` or `offline`. */
  readonly action: string;
  /** Such as `pci`, or `vfio-dev` for a VFIO device node. */
  readonly subsystem: string;
  /** Directory of the device below `/sys`, such as `/devices/pci0000:00/0000:00:04.0`. */
  readonly path: string;
  /** The PCI function that the device is or belongs to; null if it belongs to none. */
  readonly address: string | null;
  /** Number of the event among all of the system's, by which gaps are seen; exact below 2^53. */
  readonly sequence: number;
  /** All that the kernel wrote, by name: `DRIVER`, `PCI_ID`, `MODALIAS`, … and, from error recovery, `ERROR_EVENT`. */
  readonly properties: Readonly<Record<string, string>>;
}

/**
 * Takes a message of the kernel apart: `ACTION@PATH`, then `NAME=value`, each with a NUL behind it.
 *
 * @returns undefined for what is no such message, as that of udev, which begins otherwise
 */
export function parseUevent(message: Uint8Array): Uevent | undefined {
  const [head = "", ...lines] = Buffer.from(message).toString().split("\0");
  const at = head.indexOf("@");
  if (at < 1) return undefined;
  const properties = Object.fromEntries(lines.flatMap((line) => entryOf(line) ?? []));
  const { SUBSYSTEM: subsystem, SEQNUM: number = "" } = properties;
  if (subsystem === undefined || !/^\d+$/.test(number)) return undefined;
  const path = head.slice(at + 1);
  return {
    type: "uevent",
    action: head.slice(0, at),
    subsystem,
    path,
    address: addressIn(path),
    sequence: Number(number),
    properties,
  };
}

function entryOf(line: string): [[name: string, value: string]] | undefined {
  const at = line.indexOf("=");
  return at < 1 ? undefined : [[line.slice(0, at), line.slice(at + 1)]];
}

/** The last part of a path that is the address of a function: its directory, or one that holds it. */
function addressIn(path: string): string | null {
  const address = path.split("/").findLast((part) => PciAddress.tryParse(part)?.toString() === part);
  return address ?? null;
}
