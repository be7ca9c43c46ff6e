import type { PciFunction } from "../function.ts";

/** What a generated file is for. */
export type FilePurpose = "binding" | "permission";

/** What reads a generated file. */
export type FileKind = "udev" | "modprobe" | "initramfs" | "limits" | "systemd" | "oci" | "cdi";

/** All kinds, in the order in which they are shown. */
export const fileKinds: readonly FileKind[] = [
  "udev",
  "modprobe",
  "initramfs",
  "limits",
  "systemd",
  "oci",
  "cdi",
];

/** A file as text, before anybody writes it. */
export interface GeneratedFile {
  readonly purpose: FilePurpose;
  readonly kind: FileKind;
  /** Where it belongs; null for a part of a file that is somebody else's, such as a container's `config.json`. */
  readonly path: string | null;
  /** Permission bits, such as `0o644`. */
  readonly mode: number;
  readonly text: string;
  /** The command after which it counts; null where what reads it notices by itself. */
  readonly after: string | null;
}

/** A function as files name it: by its place and by its ids, so that another card in the same slot is left alone. */
export type NamedFunction = Pick<PciFunction, "address" | "vendor" | "device">;

/** How a file of ours is told from one that somebody else wrote: text of its first lines. */
export const MARK = "Written by userpci";

/** The first lines of a file that takes `#` for a comment. */
export function heading(fn: NamedFunction, about: string, undo: string): string {
  return `# ${MARK} for ${fn.address} (${idOf(fn)}): ${about}\n# Undo: sudo userpci ${undo}\n`;
}

/** `8086:10d3`. */
export function idOf({ vendor, device }: NamedFunction): string {
  return `${hex(vendor)}:${hex(device)}`;
}

/** An id as sysfs spells it: `0x8086`. */
export function attributeOf(id: number): string {
  return `0x${hex(id)}`;
}

function hex(id: number): string {
  return id.toString(16).padStart(4, "0");
}

/** A shelf of the system: a directory that some program reads, and how our files in it are called. */
interface Shelf {
  readonly purpose: FilePurpose;
  readonly kind: FileKind;
  /** A `*` stands for any name without a slash. */
  readonly directory: string;
  readonly prefix: string;
  readonly suffix: string;
  /** Default `0o644`. */
  readonly mode?: number;
  /** The command after which a change counts. */
  readonly after?: string;
}

const initramfs = { purpose: "binding", kind: "initramfs", prefix: "userpci-" } as const;

// Rules of udev: after 50-udev-default.rules, which sets owners, and before 80-drivers.rules, which loads drivers.
const shelves = {
  bindingRule: {
    purpose: "binding",
    kind: "udev",
    directory: "/etc/udev/rules.d",
    prefix: "60-userpci-bind-",
    suffix: ".rules",
  },
  modprobe: {
    purpose: "binding",
    kind: "modprobe",
    directory: "/etc/modprobe.d",
    prefix: "userpci-",
    suffix: ".conf",
  },
  "initramfs-tools": {
    ...initramfs,
    directory: "/etc/initramfs-tools/hooks",
    suffix: "",
    mode: 0o755,
    after: "sudo update-initramfs -u",
  },
  dracut: { ...initramfs, directory: "/etc/dracut.conf.d", suffix: ".conf", after: "sudo dracut --force" },
  mkinitcpio: {
    ...initramfs,
    directory: "/etc/mkinitcpio.conf.d",
    suffix: ".conf",
    after: "sudo mkinitcpio -P",
  },
  permissionRule: {
    purpose: "permission",
    kind: "udev",
    directory: "/etc/udev/rules.d",
    prefix: "60-userpci-permit-",
    suffix: ".rules",
  },
  limits: {
    purpose: "permission",
    kind: "limits",
    directory: "/etc/security/limits.d",
    prefix: "60-userpci-",
    suffix: ".conf",
  },
  systemd: {
    purpose: "permission",
    kind: "systemd",
    directory: "/etc/systemd/system/*.service.d",
    prefix: "60-userpci-",
    suffix: ".conf",
    after: "sudo systemctl daemon-reload",
  },
  cdi: { purpose: "permission", kind: "cdi", directory: "/etc/cdi", prefix: "userpci-", suffix: ".json" },
} as const satisfies Record<string, Shelf>;

/** Names of the shelves. */
export type ShelfName = keyof typeof shelves;

/** Every shelf, to look for files on. */
export const allShelves: readonly Shelf[] = Object.values(shelves);

/**
 * The address as a part of a file's name: `initramfs-tools` passes over hooks with other characters than letters, digits,
 * `.`, `_` and `-` (its `scripts/functions`).
 */
export function slugOf(address: string): string {
  return address.replaceAll(":", "-");
}

/**
 * A file for its shelf.
 *
 * @param rank what comes before the address in its name, for files whose order counts
 * @param unit what the `*` of the shelf's directory stands for
 */
export function fileOn(
  name: ShelfName,
  fn: NamedFunction,
  text: string,
  { rank = "", unit = "" }: { readonly rank?: string; readonly unit?: string } = {},
): GeneratedFile & { readonly path: string } {
  const { purpose, kind, directory, prefix, suffix, mode = 0o644, after }: Shelf = shelves[name];
  const path = `${directory.replace("*.service", unit)}/${prefix}${rank}${slugOf(fn.address)}${suffix}`;
  return { purpose, kind, path, mode, text, after: after ?? null };
}

/** Whether a name is that of a file of ours on a shelf, for one function: not for one whose address only ends so. */
export function isNameOn({ prefix, suffix }: Shelf, name: string, address: string): boolean {
  if (!name.startsWith(prefix) || !name.endsWith(suffix)) return false;
  const rest = name.slice(prefix.length, name.length - suffix.length);
  return rest.replace(/^(?:\d{12}|unlimited)-/, "") === slugOf(address);
}

/** Path of the rule that binds a function at every boot, where there is one. */
export function bindingRulePath(address: string): string {
  const { directory, prefix, suffix } = shelves.bindingRule;
  return `${directory}/${prefix}${slugOf(address)}${suffix}`;
}

/** The address that the name of a rule of ours is about; null for another name. */
export function addressOfRule(name: string): string | null {
  const [, domain, bus, rest] =
    /^60-userpci-(?:bind|permit)-([0-9a-f]{4,8})-([0-9a-f]{2})-([01][0-9a-f]\.[0-7])\.rules$/.exec(name) ??
    [];
  return rest === undefined ? null : `${domain}:${bus}:${rest}`;
}

/** Whether a text is the name of a service that can be a part of a path (systemd.unit(5)). */
export function isPlainUnit(text: string): boolean {
  return /^[A-Za-z0-9:_.@-]{1,200}\.service$/.test(text) && !text.startsWith(".");
}
