import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** A PCI function of a {@link MachineData}. What is left out is absent, as on a kernel or device without it. */
export interface FunctionData {
  readonly address: string;
  /** `vendor:device`, such as `1234:11e8`. */
  readonly id: string;
  /** `vendor:device` of the subsystem. Default: as `id`. */
  readonly subsystem?: string;
  /** 24 bits. Default `0x00ff00`, an unclassified device. */
  readonly classCode?: number;
  readonly revision?: number;
  readonly driver?: string;
  /** `driver_override`; null for a kernel that lacks the file. Default: not set. */
  readonly driverOverride?: string | null;
  readonly group?: number;
  readonly numaNode?: number;
  /** Lines of the `resource` file: start, end, flags. */
  readonly resources?: readonly (readonly [bigint, bigint, bigint])[];
  readonly resetMethods?: string;
  /** Such as `vfio0`. */
  readonly vfioDevice?: string;
  /** Address of the bridge above; it must come earlier in the list. */
  readonly parent?: string;
  readonly physicalFunction?: string;
  readonly virtualFunctions?: readonly string[];
  readonly maxVirtualFunctions?: number;
  readonly config?: Uint8Array;
  /** Any other attribute by its name, such as `power_state`. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** An IOMMU group's own attributes; its members are the functions that name it. */
export interface GroupData {
  readonly number: number;
  readonly type?: string;
  readonly name?: string;
  readonly reserved?: string;
  /** Members that are no PCI functions: name and driver. */
  readonly others?: Readonly<Record<string, string | null>>;
}

/** A process of `/proc`. */
export interface ProcessData {
  readonly pid: number;
  readonly comm: string;
  readonly cmdline?: readonly string[];
  /** Targets of its descriptors, from 0 on. */
  readonly fds: readonly string[];
}

/** A machine as data. */
export interface MachineData {
  readonly functions: readonly FunctionData[];
  readonly groups?: readonly GroupData[];
  readonly processes?: readonly ProcessData[];
  /** Drivers that are loaded, beside those that functions are bound to. */
  readonly drivers?: readonly string[];
  /** Device nodes, as empty plain files. */
  readonly nodes?: readonly string[];
  /** Any other file by its absolute path. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Writes the machine's `/sys`, `/proc` and `/dev` below `root`, as plain files and relative links. */
export function writeMachine(root: string, machine: MachineData): void {
  const at = (path: string) => join(root, path);
  for (const name of machine.drivers ?? []) writeDriver(root, name);
  writeFile(at("/sys/bus/pci/drivers_probe"), "");
  const directories = new Map<string, string>();
  for (const fn of machine.functions) directories.set(fn.address, deviceDirectory(fn, directories));
  for (const fn of machine.functions) writeFunction(root, fn, directories);
  for (const group of machine.groups ?? []) writeGroup(root, group);
  for (const process of machine.processes ?? []) writeProcess(root, process);
  for (const node of machine.nodes ?? []) writeFile(at(node), "");
  for (const [path, text] of Object.entries(machine.files ?? {})) writeFile(at(path), text);
}

/** Replaces `path` by a link to `target`, both absolute below `root`. */
export function writeLink(root: string, path: string, target: string): void {
  const link = join(root, path);
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(relative(dirname(path), target), link);
}

/** Writes the directory of a loaded driver. */
export function writeDriver(root: string, name: string): void {
  for (const file of ["bind", "unbind", "new_id", "remove_id"]) {
    writeFile(join(root, "/sys/bus/pci/drivers", name, file), "");
  }
}

function deviceDirectory(fn: FunctionData, directories: ReadonlyMap<string, string>): string {
  const parent =
    fn.parent === undefined ? `/sys/devices/pci${fn.address.slice(0, -5)}` : directories.get(fn.parent);
  if (parent === undefined) throw new TypeError(`${fn.address}: its bridge ${fn.parent} must come first`);
  return join(parent, fn.address);
}

function writeFunction(root: string, fn: FunctionData, directories: ReadonlyMap<string, string>): void {
  const path = directories.get(fn.address)!;
  for (const [name, text] of Object.entries(attributes(fn))) {
    if (text !== undefined) writeFile(join(root, path, name), text);
  }
  const link = (name: string, target: string) => writeLink(root, join(path, name), target);
  writeLink(root, `/sys/bus/pci/devices/${fn.address}`, path);
  if (fn.driver !== undefined) {
    writeDriver(root, fn.driver);
    link("driver", `/sys/bus/pci/drivers/${fn.driver}`);
  }
  if (fn.group !== undefined) {
    const group = `/sys/kernel/iommu_groups/${fn.group}`;
    writeLink(root, `${group}/devices/${fn.address}`, path);
    link("iommu_group", group);
  }
  if (fn.vfioDevice !== undefined)
    mkdirSync(join(root, path, "vfio-dev", fn.vfioDevice), { recursive: true });
  if (fn.physicalFunction !== undefined) link("physfn", directories.get(fn.physicalFunction)!);
  fn.virtualFunctions?.forEach((address, index) => {
    link(`virtfn${index}`, directories.get(address)!);
  });
}

function attributes(fn: FunctionData): Record<string, string | Uint8Array | undefined> {
  const [vendor, device] = fn.id.split(":");
  const [subsystemVendor, subsystemDevice] = (fn.subsystem ?? fn.id).split(":");
  const sriov = fn.maxVirtualFunctions !== undefined;
  return {
    vendor: `0x${vendor}\n`,
    device: `0x${device}\n`,
    subsystem_vendor: `0x${subsystemVendor}\n`,
    subsystem_device: `0x${subsystemDevice}\n`,
    class: `0x${(fn.classCode ?? 0x00ff00).toString(16).padStart(6, "0")}\n`,
    revision: `0x${(fn.revision ?? 0).toString(16).padStart(2, "0")}\n`,
    driver_override: fn.driverOverride === null ? undefined : `${fn.driverOverride ?? "(null)"}\n`,
    numa_node: `${fn.numaNode ?? -1}\n`,
    resource: (fn.resources ?? []).map((row) => row.map(hex16).join(" ")).join("\n"),
    reset_method: fn.resetMethods === undefined ? undefined : `${fn.resetMethods}\n`,
    sriov_totalvfs: sriov ? `${fn.maxVirtualFunctions}\n` : undefined,
    sriov_numvfs: sriov ? `${fn.virtualFunctions?.length ?? 0}\n` : undefined,
    config: fn.config,
    ...fn.attributes,
  };
}

function writeGroup(root: string, group: GroupData): void {
  const path = `/sys/kernel/iommu_groups/${group.number}`;
  if (group.type !== undefined) writeFile(join(root, path, "type"), `${group.type}\n`);
  if (group.name !== undefined) writeFile(join(root, path, "name"), `${group.name}\n`);
  if (group.reserved !== undefined) writeFile(join(root, path, "reserved_regions"), group.reserved);
  for (const [name, driver] of Object.entries(group.others ?? {})) {
    const device = `/sys/devices/platform/${name}`;
    writeFile(join(root, device, "uevent"), "");
    if (driver !== null) writeLink(root, `${device}/driver`, `/sys/bus/platform/drivers/${driver}`);
    writeLink(root, `${path}/devices/${name}`, device);
  }
}

function writeProcess(root: string, process: ProcessData): void {
  const path = join(root, "/proc", String(process.pid));
  writeFile(join(path, "comm"), `${process.comm}\n`);
  writeFile(join(path, "cmdline"), (process.cmdline ?? []).map((word) => `${word}\0`).join(""));
  mkdirSync(join(path, "fd"), { recursive: true });
  process.fds.forEach((target, fd) => {
    symlinkSync(target, join(path, "fd", String(fd)));
  });
}

function writeFile(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

function hex16(value: bigint): string {
  return `0x${value.toString(16).padStart(16, "0")}`;
}
