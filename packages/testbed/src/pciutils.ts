import { rm } from "node:fs/promises";
import { join } from "node:path";
import { PrivateApt, type Release, unpackDeb } from "./apt.ts";
import { cacheDirectory, folderName, publish } from "./cache.ts";
import { type Chosen, choose } from "./chosen.ts";
import { TestbedError } from "./error.ts";
import { requireLinux } from "./platform.ts";
import type { OnProgress } from "./progress.ts";
import { stage } from "./progress.ts";
import { UNUSED_FOLDERS } from "./recipe.ts";
import type { Command } from "./tool.ts";
import { Toolbox } from "./toolbox.ts";

/** Where the newest pciutils is looked for, in this order. */
const RELEASES: readonly Release[] = [{ suites: ["sid"] }, { suites: ["trixie"] }];
const INDEX = "pciutils-1.json";

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
 * @throws TestbedError ERR_TESTBED_PLATFORM on another machine than x86-64 Linux, ERR_TESTBED_PROVISION when fetching failed.
 */
export async function provisionPciutils(onProgress?: OnProgress): Promise<Pciutils> {
  requireLinux();
  const cache = cacheDirectory();
  const chosen = await choose(cache, INDEX, () => fetchNewest(cache, onProgress), onProgress);
  const toolbox = new Toolbox(join(cache, chosen.folder));
  return {
    version: chosen.version,
    lspci: toolbox.command("usr/bin/lspci"),
    setpci: toolbox.command("usr/bin/setpci", "usr/sbin/setpci"),
    ids: join(toolbox.root, "usr/share/misc/pci.ids"),
  };
}

async function fetchNewest(cache: string, onProgress: OnProgress | undefined): Promise<Chosen> {
  let failure: unknown;
  for (const release of RELEASES) {
    try {
      return await fetchFrom(release, cache, onProgress);
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

async function fetchFrom(
  release: Release,
  cache: string,
  onProgress: OnProgress | undefined,
): Promise<Chosen> {
  const scratch = join(cache, `.partial-pciutils-${process.pid}`);
  try {
    return await stage(onProgress, `fetching pciutils of ${release.suites[0]} (about 18 MB)`, async () => {
      const apt = await PrivateApt.open(scratch, release);
      const version = await apt.candidate("pciutils");
      if (!version) throw new TestbedError("ERR_TESTBED_PROVISION", `${release.suites[0]} has no pciutils`);
      const folder = `pciutils-${folderName(version)}`;
      const debs = await apt.downloadClosure(["pciutils"]);
      await publish(join(cache, folder), async (temporary) => {
        for (const deb of debs) await unpackDeb(deb, temporary);
        for (const unused of UNUSED_FOLDERS)
          await rm(join(temporary, unused), { recursive: true, force: true });
      });
      return { version, folder };
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
