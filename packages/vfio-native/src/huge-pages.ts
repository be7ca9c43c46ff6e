import { readFileSync } from "node:fs";
import type { NativeConstant } from "./native-constants.ts";

/** Sizes of huge pages in bytes that memfd_create(2) can be asked for. */
export const hugePages: ReadonlyMap<number, NativeConstant> = new Map([
  [2 ** 21, "MFD_HUGE_2MB"],
  [2 ** 30, "MFD_HUGE_1GB"],
]);

/** How many huge pages of one size the system has. */
export interface HugePageCount {
  readonly total: number;
  /** Of them, those that are neither used nor promised to somebody. */
  readonly free: number;
}

/** Where the kernel keeps the pages of each size (`Documentation/admin-guide/mm/hugetlbpage.rst`). */
export const HUGE_PAGES_FOLDER = "/sys/kernel/mm/hugepages";

/** Name of the folder for one size. */
export const hugePageFolder = (pageSize: number): string => `hugepages-${pageSize / 1024}kB`;

/**
 * Counts the huge pages of one size; none where the kernel does not have that size.
 *
 * @param pageSize in bytes
 * @param root directory that has a directory for each size
 */
export function countHugePages(pageSize: number, root = HUGE_PAGES_FOLDER): HugePageCount {
  const read = (name: string): number => {
    try {
      return Number(readFileSync(`${root}/${hugePageFolder(pageSize)}/${name}`, "utf8"));
    } catch {
      return 0;
    }
  };
  const free = read("free_hugepages") - read("resv_hugepages");
  return { total: read("nr_hugepages"), free: Math.max(0, free) };
}
