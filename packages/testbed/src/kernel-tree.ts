import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { TestbedError } from "./error.ts";

/** A kernel with all its parts. */
export interface KernelTree {
  readonly image: string;
  readonly release: string;
  readonly modules: string;
}

/** The kernel in a directory that is laid out as Debian's packages are: `boot/vmlinuz-RELEASE` and `lib/modules/RELEASE`. */
export function kernelAt(root: string, release: string): KernelTree {
  return {
    image: join(root, "boot", `vmlinuz-${release}`),
    release,
    modules: join(root, "lib/modules", release),
  };
}

/**
 * The release of the only kernel in such a directory.
 * @throws TestbedError ERR_TESTBED_PROVISION when there is none.
 */
export async function kernelRelease(root: string): Promise<string> {
  const image = (await readdir(join(root, "boot"))).find((name) => name.startsWith("vmlinuz-"));
  if (!image) throw new TestbedError("ERR_TESTBED_PROVISION", `no kernel image under ${root}/boot`);
  return image.slice("vmlinuz-".length);
}
