import { rm } from "node:fs/promises";
import { join } from "node:path";
import { PrivateApt, unpackDeb } from "./apt.ts";
import { cacheDirectory, folderName, publish } from "./cache.ts";
import { type Chosen, choose } from "./chosen.ts";
import { TestbedError } from "./error.ts";
import { SOURCE_RELEASES } from "./kernel-source.ts";
import { canFetch, requireLinux } from "./platform.ts";
import { type OnProgress, stage } from "./progress.ts";

const PACKAGE = "linux-libc-dev";
const INDEX = "headers-1.json";

/** The kernel's headers for programs, as Debian packages them. */
export interface KernelHeaders {
  /** Debian's version of the package, such as `7.3.4-1~bpo13+1`. */
  readonly version: string;
  /** Directory for the C compiler's `-I`, with `linux/vfio.h` and `linux/iommufd.h` in it. */
  readonly include: string;
}

/**
 * Fetches the newest kernel headers of Debian's releases into the test bed's cache (3 MB), for what the machine's own are too old. A later call
 * finds them there without network.
 * @throws TestbedError ERR_TESTBED_PLATFORM on another machine than x86-64 Linux or without apt, ERR_TESTBED_PROVISION when fetching failed.
 */
export async function provisionHeaders(onProgress?: OnProgress): Promise<KernelHeaders> {
  requireLinux();
  const cache = cacheDirectory();
  const { version, folder } = await choose(cache, INDEX, () => fetchNewest(cache, onProgress), onProgress);
  return { version, include: join(cache, folder, "usr/include") };
}

async function fetchNewest(cache: string, onProgress: OnProgress | undefined): Promise<Chosen> {
  if (!canFetch()) {
    throw new TestbedError(
      "ERR_TESTBED_PLATFORM",
      "the kernel's headers are fetched with apt, which is missing",
    );
  }
  const release = SOURCE_RELEASES[0]!;
  const scratch = join(cache, `.partial-headers-${process.pid}`);
  try {
    return await stage(onProgress, `fetching ${PACKAGE} of ${release.suites[0]} (about 3 MB)`, async () => {
      const apt = await PrivateApt.open(scratch, release);
      const version = await apt.candidate(PACKAGE);
      if (!version) throw new TestbedError("ERR_TESTBED_PROVISION", `${release.suites[0]} has no ${PACKAGE}`);
      const folder = `headers-${folderName(version)}`;
      const debs = await apt.downloadAlone([PACKAGE]);
      await publish(join(cache, folder), async (temporary) => {
        for (const deb of debs) await unpackDeb(deb, temporary);
      });
      return { version, folder };
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
