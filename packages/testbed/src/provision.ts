import { existsSync } from "node:fs";
import { readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { PrivateApt, type Release, unpackDeb } from "./apt.ts";
import { cacheDirectory, folderName, publish, publishFile, withLock } from "./cache.ts";
import { TestbedError, toTestbedError } from "./error.ts";
import { kernelAt, kernelRelease } from "./kernel-tree.ts";
import { hasOwnKernel, ownParts } from "./own-parts.ts";
import type { Parts } from "./parts.ts";
import { canFetch, requireLinux } from "./platform.ts";
import { type OnProgress, stage } from "./progress.ts";
import {
  KERNEL_PREFIX,
  newestKernel,
  QEMU_PACKAGE,
  RECIPE_VERSION,
  RELEASES,
  TOOL_PACKAGES,
  UNUSED_FOLDERS,
  UNUSED_MODULES,
} from "./recipe.ts";
import { runTool } from "./tool.ts";
import { Toolbox } from "./toolbox.ts";

/** The names, inside the cache, of what the last provisioning chose. */
interface Chosen {
  readonly tools: string;
  readonly kernel: string;
  readonly release: string;
}

/** Choices of {@link provision}. */
export interface ProvisionOptions {
  /** Told about each stage as it starts, and about its time when it took over a second. */
  readonly onProgress?: OnProgress | undefined;
  /** Ask the archive for newer versions even when the cache is complete. */
  readonly refresh?: boolean | undefined;
}

/**
 * Makes sure that QEMU, a kernel and the helper programs are on this machine, and says where. They are fetched from Debian's archive through a
 * private apt, unpacked into the cache (`$USERPCI_CACHE`, else `$XDG_CACHE_HOME/userpci`, else `~/.cache/userpci`), never installed. A later call finds them
 * there without network in a few milliseconds. Several processes may call it at once.
 *
 * Without apt, or with `USERPCI_KERNEL` set, the parts come from the machine: see `ownParts`.
 * @throws TestbedError ERR_TESTBED_PLATFORM when this machine cannot do it, ERR_TESTBED_PROVISION when fetching or unpacking failed.
 */
export async function provision(options: ProvisionOptions = {}): Promise<Parts> {
  requireLinux();
  if (hasOwnKernel() || !canFetch()) return ownParts();
  const cache = cacheDirectory();
  const ready = options.refresh ? undefined : await readChosen(cache);
  if (ready) return ready;
  const onWait = () => options.onProgress?.("another process is provisioning: waiting for it");
  return withLock(cache, onWait, async () => {
    const meanwhile = options.refresh ? undefined : await readChosen(cache);
    return meanwhile ?? (await fetchAll(cache, options.onProgress));
  });
}

function indexPath(cache: string): string {
  return join(cache, `chosen-${RECIPE_VERSION}.json`);
}

async function readChosen(cache: string): Promise<Parts | undefined> {
  const text = await readFile(indexPath(cache), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const chosen = JSON.parse(text) as Chosen;
  const complete = [chosen.tools, chosen.kernel].every((folder) => existsSync(join(cache, folder)));
  return complete ? partsOf(cache, chosen) : undefined;
}

function partsOf(cache: string, chosen: Chosen): Parts {
  const toolbox = new Toolbox(join(cache, chosen.tools));
  return {
    qemu: toolbox.qemu(),
    qemuEnvironment: { QEMU_MODULE_DIR: toolbox.qemuModules },
    setpriv: toolbox.command("usr/bin/setpriv"),
    xz: toolbox.command("usr/bin/xz"),
    busybox: toolbox.busybox,
    guestTools: toolbox.root,
    kernel: kernelAt(join(cache, chosen.kernel), chosen.release),
  };
}

async function fetchAll(cache: string, onProgress: OnProgress | undefined): Promise<Parts> {
  let failure: TestbedError | undefined;
  for (const release of RELEASES) {
    try {
      const chosen = await fetchRelease(cache, release, onProgress);
      await publishFile(indexPath(cache), `${JSON.stringify(chosen, null, 2)}\n`);
      return partsOf(cache, chosen);
    } catch (error) {
      // The first release's failure says most: the others are tried because an archive may have dropped it.
      failure ??= toTestbedError(error, "ERR_TESTBED_PROVISION");
      onProgress?.(`${release.suites[0]}: ${toTestbedError(error, "ERR_TESTBED_PROVISION").summary}`);
    }
  }
  throw failure!;
}

async function fetchRelease(
  cache: string,
  release: Release,
  onProgress: OnProgress | undefined,
): Promise<Chosen> {
  const scratch = join(cache, `.partial-apt-${process.pid}`);
  try {
    const apt = await stage(onProgress, `reading the package lists of ${release.suites.join(" and ")}`, () =>
      PrivateApt.open(scratch, release),
    );
    const kernelPackage = newestKernel(await apt.packageNames(KERNEL_PREFIX));
    if (!kernelPackage)
      throw new TestbedError(
        "ERR_TESTBED_PROVISION",
        `${release.suites[0]} has no package ${KERNEL_PREFIX}*`,
      );
    const version = await apt.candidate(QEMU_PACKAGE);
    const tools = `tools-${folderName(version ?? release.suites[0])}`;
    const kernel = `linux-${folderName(kernelPackage.slice("linux-image-".length))}`;
    if (!existsSync(join(cache, tools))) await fetchTools(apt, join(cache, tools), onProgress);
    if (!existsSync(join(cache, kernel)))
      await fetchKernel(apt, kernelPackage, cache, kernel, tools, onProgress);
    return { tools, kernel, release: await kernelRelease(join(cache, kernel)) };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function fetchTools(
  apt: PrivateApt,
  target: string,
  onProgress: OnProgress | undefined,
): Promise<void> {
  const debs = await stage(onProgress, "downloading QEMU and helpers (about 41 MB)", () =>
    apt.downloadClosure(TOOL_PACKAGES),
  );
  await stage(onProgress, `unpacking ${debs.length} packages`, () =>
    publish(target, async (temporary) => {
      for (const deb of debs) await unpackDeb(deb, temporary);
      for (const folder of UNUSED_FOLDERS)
        await rm(join(temporary, folder), { recursive: true, force: true });
      await new Toolbox(temporary).writeGuestWrappers();
    }),
  );
}

async function fetchKernel(
  apt: PrivateApt,
  name: string,
  cache: string,
  folder: string,
  tools: string,
  onProgress: OnProgress | undefined,
): Promise<void> {
  const toolbox = new Toolbox(join(cache, tools));
  const debs = await stage(onProgress, `downloading ${name} (about 106 MB)`, () => apt.downloadAlone([name]));
  await stage(onProgress, "unpacking the kernel", () =>
    publish(join(cache, folder), async (temporary) => {
      for (const deb of debs) await unpackDeb(deb, temporary);
      const release = await kernelRelease(temporary);
      // Later releases of Debian ship it below /usr; depmod looks here.
      if (existsSync(join(temporary, "usr/lib")))
        await rename(join(temporary, "usr/lib"), join(temporary, "lib"));
      const modules = join(temporary, "lib/modules", release, "kernel");
      for (const path of UNUSED_MODULES) await rm(join(modules, path), { recursive: true, force: true });
      await runTool(toolbox.commandAs("depmod", "bin/kmod", "usr/bin/kmod"), ["-b", temporary, release], {
        code: "ERR_TESTBED_PROVISION",
      });
    }),
  );
}
