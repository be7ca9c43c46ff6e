import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A function of a made-up sysfs. */
export interface SysfsFunction {
  readonly config: Uint8Array;
  readonly irq: number;
  /** Lines of `resource`: start, end, flags. */
  readonly resources: readonly (readonly [bigint, bigint, number])[];
  readonly subsystem: readonly [vendor: number, device: number];
  readonly numaNode?: number;
  readonly iommuGroup?: string;
  readonly driver?: string;
  readonly label?: string;
  readonly deviceTree?: string;
  readonly messageIrqs?: readonly number[];
  readonly vpd?: Uint8Array;
  /** Capabilities, control and status of the link of a restricted CXL device, as the kernel writes them. */
  readonly restrictedLink?: readonly [string, string, string];
}

/** Writes a tree as `/sys/bus/pci` is, in place of one that is there. */
export function writeSysfs(
  root: string,
  functions: ReadonlyMap<string, SysfsFunction>,
  slots: Readonly<Record<string, string>>,
): void {
  rmSync(root, { recursive: true, force: true });
  mkdirSync(join(root, "devices"), { recursive: true });
  for (const [name, address] of Object.entries(slots)) {
    mkdirSync(join(root, "slots", name), { recursive: true });
    writeFileSync(join(root, "slots", name, "address"), `${address}\n`);
  }
  for (const [address, fn] of functions) writeFunction(root, address, fn);
}

function writeFunction(root: string, address: string, fn: SysfsFunction): void {
  const folder = join(root, "devices", address);
  mkdirSync(folder);
  const { config } = fn;
  const word = (at: number) => config[at]! | (config[at + 1]! << 8);
  const attributes: Readonly<Record<string, string | Uint8Array | undefined>> = {
    config,
    vendor: hex(word(0x00), 4),
    device: hex(word(0x02), 4),
    class: hex(word(0x09) | (config[0x0b]! << 16), 6),
    revision: hex(config[0x08]!, 2),
    subsystem_vendor: hex(fn.subsystem[0], 4),
    subsystem_device: hex(fn.subsystem[1], 4),
    irq: `${fn.irq}\n`,
    resource: fn.resources
      .map((line) => line.map((number) => `0x${number.toString(16).padStart(16, "0")}`).join(" "))
      .join("\n"),
    numa_node: fn.numaNode === undefined ? undefined : `${fn.numaNode}\n`,
    label: fn.label === undefined ? undefined : `${fn.label}\n`,
    vpd: fn.vpd,
    rcd_link_cap: fn.restrictedLink?.[0],
    rcd_link_ctrl: fn.restrictedLink?.[1],
    rcd_link_status: fn.restrictedLink?.[2],
  };
  for (const [name, content] of Object.entries(attributes)) {
    if (content !== undefined) writeFileSync(join(folder, name), content);
  }
  link(root, folder, "iommu_group", fn.iommuGroup && `groups/${fn.iommuGroup}`);
  link(root, folder, "driver", fn.driver && `drivers/${fn.driver}`);
  link(root, folder, "of_node", fn.deviceTree);
  for (const irq of fn.messageIrqs ?? []) {
    mkdirSync(join(folder, "msi_irqs"), { recursive: true });
    writeFileSync(join(folder, "msi_irqs", `${irq}`), "msix\n");
  }
}

/** Links lead to what exists, relative to the function, as the kernel's do. */
function link(root: string, folder: string, name: string, target: string | undefined): void {
  if (target === undefined) return;
  mkdirSync(join(root, target), { recursive: true });
  symlinkSync(`../../${target}`, join(folder, name));
}

function hex(value: number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, "0")}\n`;
}
