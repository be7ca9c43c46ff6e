import { fileURLToPath } from "node:url";
import { boot } from "@userpci/testbed";
import type { Result } from "./bench.ts";
import type { Kernel } from "./guest/names.ts";

/** What the guest is asked to measure. */
export interface GuestOrder {
  /** The kernel it runs; `openDevice` takes iommufd where that is. */
  readonly kernel: Kernel;
  readonly rounds: number;
  readonly filter: string;
  /** PCI address of the device that TypeScript uses. */
  readonly device: string;
  /** PCI address of the same kind of device, for C: an IOMMU group opens once. */
  readonly spare: string;
  /** And one for TypeScript without the packages' classes. */
  readonly third: string;
}

/** How {@link measureInVm} measures. */
export interface VmOptions {
  readonly kernel: Kernel;
  readonly rounds: number;
  readonly filter: string;
  /** Node's flags, here and there. */
  readonly nodeFlags: readonly string[];
  /** Told each row's name before it is measured, and how far the machine is. */
  readonly onProgress: (line: string) => void;
}

/** Boots one machine with three edu devices and measures all rows that need one, in TypeScript and C in turn. */
export async function measureInVm({ nodeFlags, onProgress, ...options }: VmOptions): Promise<Result[]> {
  const devices = ["edu", "edu,addr=0x5", "edu,addr=0x6"];
  const kernel = options.kernel === "iommufd" ? { kernel: options.kernel } : {};
  await using vm = await boot({ devices, hugepages: 8, ...kernel, onProgress });
  const order: GuestOrder = {
    ...options,
    device: "0000:00:04.0",
    spare: "0000:00:05.0",
    third: "0000:00:06.0",
  };
  const main = fileURLToPath(new URL("./guest/main.js", import.meta.url));
  let partial = "";
  const { stdout } = await vm.run(["node", ...nodeFlags, main, JSON.stringify(order)], {
    memlock: 2 ** 26,
    timeoutMs: 600_000,
    check: true,
    onStderr: (chunk) => {
      const lines = `${partial}${Buffer.from(chunk)}`.split("\n");
      partial = lines.pop()!;
      for (const line of lines) onProgress(line);
    },
  });
  return JSON.parse(stdout) as Result[];
}
