import { join } from "node:path";
import type { OnProgress } from "./progress.ts";
import type { Command } from "./tool.ts";
import { type NewerPackage, unpacked } from "./unpacked.ts";

const PCIUTILS: NewerPackage = {
  name: "pciutils",
  package: "pciutils",
  releases: [{ suites: ["sid"] }, { suites: ["trixie"] }],
  about: "18 MB",
};

/** The newest pciutils of Debian, runnable where it was unpacked. */
export interface Pciutils {
  /** Debian's version of the package, such as `1:3.15.0-2`. */
  readonly version: string;
  readonly lspci: Command;
  readonly setpci: Command;
  /** Path of the `pci.ids` that came with it. */
  readonly ids: string;
}

/**
 * Fetches the newest pciutils of Debian and its `pci.ids` into the test bed's cache, with the C library that they need. The
 * machine's own are neither used nor changed. A later call finds them there without network.
 * @throws TestbedError ERR_TESTBED_PLATFORM on another machine than x86-64 Linux or without apt, ERR_TESTBED_PROVISION when fetching failed.
 */
export async function provisionPciutils(onProgress?: OnProgress): Promise<Pciutils> {
  const { version, toolbox } = await unpacked(PCIUTILS, onProgress);
  return {
    version,
    lspci: toolbox.command("usr/bin/lspci"),
    setpci: toolbox.command("usr/bin/setpci", "usr/sbin/setpci"),
    ids: join(toolbox.root, "usr/share/misc/pci.ids"),
  };
}
