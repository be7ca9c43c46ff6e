import type { TreeOptions } from "@userpci/sysfs";

/** Fewest bytes of a function's configuration space; who reads less may not read all of it. */
const SMALLEST_CONFIG = 256;

/**
 * Why not all of a function's configuration space is known, and who would know it; null where it is.
 *
 * @param configBytes how many bytes of it were read
 * @param flags of `userpci show`, such as `-vv `
 */
export function configLimit(
  address: string,
  configBytes: number,
  flags: string,
  { root }: TreeOptions,
): string | null {
  if (configBytes >= SMALLEST_CONFIG) return null;
  const some = configBytes === 0 ? "no byte" : `the first ${configBytes} bytes`;
  if (root !== undefined)
    return `not known: the copy has ${some} of configuration space; one that root makes has all`;
  if (process.geteuid?.() === 0)
    return `not known: the kernel lets root read ${some} of configuration space, without CAP_SYS_ADMIN as in a container`;
  return `known to root: sudo userpci show ${flags}${address}`;
}
