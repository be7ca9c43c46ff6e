import { join } from "node:path";
import type { OnProgress } from "./progress.ts";
import type { Command } from "./tool.ts";
import { type NewerPackage, unpacked } from "./unpacked.ts";

const UDEV: NewerPackage = {
  name: "udev",
  package: "udev",
  releases: [{ suites: ["trixie"] }, { suites: ["sid"] }],
  about: "14 MB",
};

/** Debian's udev, runnable in a guest where it was unpacked. */
export interface Udev {
  /** Debian's version of the package, such as `257.9-1~deb13u1`. */
  readonly version: string;
  /** `systemd-udevd`. */
  readonly daemon: Command;
  readonly udevadm: Command;
  /** Directory of what came with it for `/usr/lib/udev`: the distribution's own rules. */
  readonly library: string;
}

/**
 * Fetches Debian's udev into the test bed's cache, with the C library that it needs. The machine's own is neither used nor changed. A
 * later call finds it there without network.
 * @throws TestbedError ERR_TESTBED_PLATFORM on another machine than x86-64 Linux or without apt, ERR_TESTBED_PROVISION when fetching failed.
 */
export async function provisionUdev(onProgress?: OnProgress): Promise<Udev> {
  const { version, toolbox } = await unpacked(UDEV, onProgress);
  return {
    version,
    daemon: toolbox.commandAs("systemd-udevd", "usr/bin/udevadm", "bin/udevadm"),
    udevadm: toolbox.commandAs("udevadm", "usr/bin/udevadm", "bin/udevadm"),
    library: join(toolbox.root, "usr/lib/udev"),
  };
}
