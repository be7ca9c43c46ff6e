import { rm } from "node:fs/promises";
import { join } from "node:path";
import { PrivateApt, type Release, unpackDeb } from "./apt.ts";
import { cacheDirectory, folderName, publish } from "./cache.ts";
import { type Chosen, choose } from "./chosen.ts";
import { TestbedError } from "./error.ts";
import { canFetch, requireLinux } from "./platform.ts";
import { type OnProgress, stage } from "./progress.ts";
import { UNUSED_FOLDERS } from "./recipe.ts";
import { Toolbox } from "./toolbox.ts";

/** A package of Debian that is newer than what the machine or the test bed has. */
export interface NewerPackage {
  /** For people, and in the names of folders: `pciutils`. */
  readonly name: string;
  /** Debian's name of it. */
  readonly package: string;
  /** Where it is looked for, in this order. */
  readonly releases: readonly Release[];
  /** Bytes to download, for people. */
  readonly about: string;
  /** Folders that nothing reads, beside {@link UNUSED_FOLDERS}. */
  readonly unused?: readonly string[];
  /** Whether it is fetched without what it depends on: scripts, whose interpreters are elsewhere. Default false. */
  readonly alone?: boolean;
}

/** A package, runnable where it was unpacked. */
export interface Unpacked {
  /** Debian's version of it, such as `1:3.15.0-2`. */
  readonly version: string;
  readonly toolbox: Toolbox;
}

/**
 * Fetches a package with all that it needs, C library included, into the test bed's cache. The machine's own files are
 * neither used nor changed. A later call finds it there without network; of several processes that want it, one fetches.
 *
 * @throws TestbedError ERR_TESTBED_PLATFORM on another machine than x86-64 Linux or without apt, ERR_TESTBED_PROVISION when
 * fetching failed
 */
export async function unpacked(wanted: NewerPackage, onProgress?: OnProgress): Promise<Unpacked> {
  requireLinux();
  const cache = cacheDirectory();
  const fetch = () => fetchNewest(wanted, cache, onProgress);
  const { version, folder } = await choose(cache, `${wanted.name}-1.json`, fetch, onProgress);
  return { version, toolbox: new Toolbox(join(cache, folder)) };
}

async function fetchNewest(
  wanted: NewerPackage,
  cache: string,
  onProgress: OnProgress | undefined,
): Promise<Chosen> {
  if (!canFetch()) {
    const summary = `Debian's newest ${wanted.name} is fetched with apt, which is missing`;
    throw new TestbedError("ERR_TESTBED_PLATFORM", summary, {
      hint: "it needs apt-get, apt-cache and dpkg-deb",
    });
  }
  let failure: unknown;
  for (const release of wanted.releases) {
    try {
      return await fetchFrom(release, wanted, cache, onProgress);
    } catch (error) {
      // The first release's failure says most: the others are tried because an archive may lack it.
      failure ??= error;
    }
  }
  throw failure;
}

async function fetchFrom(
  release: Release,
  wanted: NewerPackage,
  cache: string,
  onProgress: OnProgress | undefined,
): Promise<Chosen> {
  const { name, about } = wanted;
  const [suite] = release.suites;
  const scratch = join(cache, `.partial-${name}-${process.pid}`);
  try {
    return await stage(onProgress, `fetching ${name} of ${suite} (about ${about})`, async () => {
      const apt = await PrivateApt.open(scratch, release);
      const version = await apt.candidate(wanted.package);
      if (!version) throw new TestbedError("ERR_TESTBED_PROVISION", `${suite} has no ${wanted.package}`);
      const folder = `${name}-${folderName(version)}`;
      const packages = [wanted.package];
      const debs = await (wanted.alone ? apt.downloadAlone(packages) : apt.downloadClosure(packages));
      await publish(join(cache, folder), async (temporary) => {
        for (const deb of debs) await unpackDeb(deb, temporary);
        for (const unused of [...UNUSED_FOLDERS, ...(wanted.unused ?? [])])
          await rm(join(temporary, unused), { recursive: true, force: true });
      });
      return { version, folder };
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
