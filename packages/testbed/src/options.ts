import { existsSync } from "node:fs";
import { isAbsolute } from "node:path";
import { LONGEST_MS } from "./deadline.ts";
import { TestbedError } from "./error.ts";
import type { Kernel } from "./parts.ts";
import type { OnProgress } from "./progress.ts";

/** The machine to boot. Every field is optional. */
export interface BootOptions {
  /** Devices by name or as `-device` strings: see `deviceArguments`. Default: none. */
  readonly devices?: readonly string[];
  /** Guest memory as QEMU spells it, for example `"2G"` (the default; igb's virtual functions need it at 2G with QEMU 10.0.2). */
  readonly memory?: string;
  /** Huge pages of 2 MiB reserved at boot. Default 0. */
  readonly hugepages?: number;
  /**
   * The IOMMU as a `-device` string, or null for a machine without one. Default {@link DEFAULT_IOMMU}.
   */
  readonly iommu?: string | null;
  /** More of the kernel's command line; later words win. */
  readonly append?: string;
  /**
   * Another kernel than the provisioned one: one of your own, or `"iommufd"` for one with IOMMUFD and `/dev/vfio/devices`, which is built when it is
   * first used (see `iommufdKernel`).
   */
  readonly kernel?: Kernel | "iommufd";
  /**
   * Paths that ordinary users of the guest must reach although a directory above belongs to its owner alone on the host (a checkout below
   * `/root`, say). Those directories become passable in the guest. The running node and the current directory always are.
   */
  readonly reachable?: readonly string[];
  /**
   * Absolute path of a file by `saveOverlay`: the guest begins with all that an earlier one had written, where it had written it. Default: with
   * the host's tree as it is.
   */
  readonly overlay?: string;
  /** More arguments for QEMU (drives, netdevs, objects), before the devices. */
  readonly qemuArguments?: readonly string[];
  /** Time for the guest to come up, in ms, at most 2³¹ - 1. Default 120000; it takes about 5000 on an idle machine. */
  readonly bootTimeoutMs?: number;
  /** Told what goes on while provisioning and booting. */
  readonly onProgress?: OnProgress | undefined;
  /** Gives the boot up. */
  readonly signal?: AbortSignal | undefined;
}

/** VT-d with interrupt remapping; caching mode makes the kernel tell the emulation about every new mapping. */
export const DEFAULT_IOMMU = "intel-iommu,intremap=on,caching-mode=on";

/** Default of {@link BootOptions.memory}. */
export const DEFAULT_MEMORY = "2G";

/** Default of {@link BootOptions.bootTimeoutMs}. */
export const DEFAULT_BOOT_TIMEOUT_MS = 120_000;

/**
 * Checks what QEMU would report late or not at all.
 * @throws TestbedError ERR_TESTBED_ARGUMENT.
 */
export function checkBootOptions(options: BootOptions): void {
  const { memory = DEFAULT_MEMORY, hugepages = 0, bootTimeoutMs = DEFAULT_BOOT_TIMEOUT_MS } = options;
  const { kernel, overlay } = options;
  if (!/^\d+[MG]$/.test(memory)) throw bad("memory", memory, 'a number with M or G, for example "2G"');
  if (!Number.isInteger(hugepages) || hugepages < 0)
    throw bad("hugepages", hugepages, "a count of 2 MiB pages, 0 or more");
  if (!(bootTimeoutMs > 0 && bootTimeoutMs <= LONGEST_MS))
    throw bad("bootTimeoutMs", bootTimeoutMs, `milliseconds, more than 0 and at most ${LONGEST_MS}`);
  if (overlay !== undefined && !(isAbsolute(overlay) && existsSync(overlay)))
    throw bad("overlay", overlay, "the absolute path of a file that saveOverlay wrote");
  if (typeof kernel === "string" && kernel !== "iommufd")
    throw bad("kernel", kernel, '"iommufd", or a kernel of your own as { image, release, modules }');
}

function bad(name: string, value: unknown, wanted: string): TestbedError {
  return new TestbedError("ERR_TESTBED_ARGUMENT", `${name} is ${JSON.stringify(value)}`, {
    hint: `give ${wanted}`,
  });
}
