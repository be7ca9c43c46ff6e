import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Release } from "./apt.ts";
import { cacheDirectory, folderName, publish, publishFile, withLock } from "./cache.ts";
import { TestbedError, toTestbedError } from "./error.ts";
import { KernelBuild } from "./kernel-build.ts";
import { KERNEL_CONFIG } from "./kernel-config.ts";
import { KernelSource, SOURCE_RELEASES } from "./kernel-source.ts";
import { compilerVersion, KernelTools } from "./kernel-tools.ts";
import { kernelAt, kernelRelease } from "./kernel-tree.ts";
import type { Kernel } from "./parts.ts";
import { canFetch, requireLinux } from "./platform.ts";
import { stage } from "./progress.ts";
import type { ProvisionOptions } from "./provision.ts";

/** Raised when the layout of a built kernel changes. */
const BUILD_VERSION = 1;

/** Choices of {@link iommufdKernel}. */
export interface KernelOptions extends ProvisionOptions {
  /** Gives the build up, and leaves nothing of it. */
  readonly signal?: AbortSignal | undefined;
}

/** What the last build for a configuration and a compiler made. */
interface Built {
  readonly folder: string;
  readonly release: string;
}

/**
 * A kernel with IOMMUFD and `/dev/vfio/devices`, which Debian's kernels lack: built from Debian's source package with the machine's compiler when it is
 * first asked for, which takes minutes and 1 GB of disk meanwhile. The cache keeps 5 MB of it, under the versions of source, configuration and
 * compiler, and a later call finds it there without network. Of several processes that ask at once, one builds.
 *
 * `USERPCI_IOMMUFD_KERNEL` names an image of your own with everything built in; nothing is built then.
 * @throws TestbedError ERR_TESTBED_PLATFORM when this machine cannot build one, ERR_TESTBED_PROVISION when fetching or compiling failed; the signal's reason.
 */
export async function iommufdKernel(options: KernelOptions = {}): Promise<Kernel> {
  requireLinux();
  const own = process.env["USERPCI_IOMMUFD_KERNEL"];
  if (own) return ownImage(own);
  requireApt();
  const store = join(cacheDirectory(), "kernels");
  requirePlainPath(store);
  const fingerprint = fingerprintOf(KERNEL_CONFIG, await compilerVersion());
  const ready = options.refresh ? undefined : await readBuilt(store, fingerprint);
  if (ready) return ready;
  const onWait = () => options.onProgress?.("another process is building the kernel: waiting for it");
  const work = async () => {
    const meanwhile = options.refresh ? undefined : await readBuilt(store, fingerprint);
    return meanwhile ?? (await buildNewest(store, fingerprint, options));
  };
  return withLock(store, onWait, work, options.signal);
}

function ownImage(image: string): Kernel {
  if (existsSync(image)) return { image };
  throw new TestbedError("ERR_TESTBED_PLATFORM", `USERPCI_IOMMUFD_KERNEL is ${image}, which does not exist`);
}

function requireApt(): void {
  if (canFetch()) return;
  throw new TestbedError(
    "ERR_TESTBED_PLATFORM",
    "the kernel with IOMMUFD is built from Debian's source, without apt",
    {
      hint: "name an image with IOMMUFD, VFIO's device nodes and all that the guest needs built in: USERPCI_IOMMUFD_KERNEL=/path/bzImage",
    },
  );
}

/** The kernel's makefiles refuse other paths, late and after a download. */
function requirePlainPath(store: string): void {
  if (!/[\s:]/.test(store)) return;
  throw new TestbedError("ERR_TESTBED_PLATFORM", `a kernel cannot be built below ${JSON.stringify(store)}`, {
    hint: "set USERPCI_CACHE to a directory without blanks and colons in its path",
  });
}

/** What a built kernel is kept under: another configuration or compiler makes another kernel. */
export function fingerprintOf(config: string, compiler: string): string {
  const inputs = JSON.stringify([BUILD_VERSION, config, compiler]);
  return createHash("sha256").update(inputs).digest("hex").slice(0, 16);
}

function indexPath(store: string, fingerprint: string): string {
  return join(store, `iommufd-${fingerprint}.json`);
}

async function readBuilt(store: string, fingerprint: string): Promise<Kernel | undefined> {
  const text = await readFile(indexPath(store, fingerprint), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const { folder, release } = JSON.parse(text) as Built;
  const kernel = kernelAt(join(store, folder), release);
  return existsSync(kernel.image) ? kernel : undefined;
}

async function buildNewest(store: string, fingerprint: string, options: KernelOptions): Promise<Kernel> {
  let failure: TestbedError | undefined;
  for (const release of SOURCE_RELEASES) {
    try {
      const built = await buildFrom(release, store, fingerprint, options);
      await publishFile(indexPath(store, fingerprint), `${JSON.stringify(built, null, 2)}\n`);
      return kernelAt(join(store, built.folder), built.release);
    } catch (error) {
      options.signal?.throwIfAborted();
      // The newest source's failure says most: older ones are tried because it may want a newer compiler.
      const reported = toTestbedError(error, "ERR_TESTBED_PROVISION");
      failure ??= reported;
      options.onProgress?.(`${release.suites[0]}: ${reported.summary}`);
    }
  }
  throw failure!;
}

async function buildFrom(
  release: Release,
  store: string,
  fingerprint: string,
  options: KernelOptions,
): Promise<Built> {
  const scratch = join(store, `.partial-build-${process.pid}`);
  try {
    const source = await stage(
      options.onProgress,
      `looking for a kernel's source in ${release.suites[0]}`,
      () => KernelSource.find(release, scratch),
    );
    const folder = `linux-${folderName(source.version)}-${fingerprint}`;
    const target = join(store, folder);
    if (!existsSync(target)) await build(source, scratch, target, options);
    return { folder, release: await kernelRelease(target) };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function build(
  source: KernelSource,
  scratch: string,
  target: string,
  { onProgress, signal }: KernelOptions,
): Promise<void> {
  const named = `Linux ${source.version} with IOMMUFD`;
  const tools = await stage(onProgress, "downloading tools to compile with (about 20 MB)", () =>
    KernelTools.fetch(join(scratch, "tools")),
  );
  const deb = await stage(onProgress, `downloading the source of ${named} (about 160 MB)`, () =>
    source.download(),
  );
  const directory = await stage(onProgress, "unpacking the source", () =>
    source.unpack(deb, tools.environment, signal),
  );
  const kernel = new KernelBuild(directory, join(scratch, "output"), tools, signal);
  await stage(onProgress, `compiling ${named} (once; 5 to 8 minutes on two processors)`, async () => {
    await kernel.configure();
    await kernel.compile(onProgress);
  });
  await publish(target, async (temporary) => {
    await kernel.install(temporary);
  });
}
