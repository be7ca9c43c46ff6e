import type { TreeOptions } from "@userpci/sysfs";
import { SMALLEST_CONFIG } from "../target/target.ts";

/**
 * Why not all of a function's configuration space is known, and who would know it; null where it is.
 *
 * @param configBytes how many bytes of it were read
 * @param depth how often `userpci show` was given `-v`
 */
export function configLimit(
  address: string,
  configBytes: number,
  depth: number,
  { root }: TreeOptions,
): string | null {
  if (configBytes >= SMALLEST_CONFIG) return null;
  const some = configBytes === 0 ? "no byte" : `the first ${configBytes} bytes`;
  if (root !== undefined)
    return `not known: the copy has ${some} of configuration space; one that root makes has all`;
  if (process.geteuid?.() === 0)
    return `not known: without CAP_SYS_ADMIN, as in a container, root too reads ${some} of configuration space`;
  const verbose = depth === 0 ? "" : `-${"v".repeat(depth)} `;
  return `known to root: sudo userpci show ${verbose}${address}`;
}
