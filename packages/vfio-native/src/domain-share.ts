import { checkInteger, checkType, type DomainShare, formatValue, PciError } from "@userpci/interface";
import { checkRange } from "./range-check.ts";

/** More IOMMUs than one domain has mappers for. */
export const MOST_MAPPERS = 16;

/**
 * Lets through what has the form of a share; what its descriptors are, is not seen.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for a page size or a range that is none
 */
export function checkShare(share: DomainShare): void {
  checkType("share", share, "object");
  const { ranges, pageSize, mappers } = share;
  listOf("ranges", ranges).forEach(checkRange);
  checkInteger("pageSize", pageSize, 1, Number.MAX_SAFE_INTEGER);
  for (const mapper of listOf("mappers", mappers)) {
    checkType("a mapper", mapper, "object");
    if (!Number.isInteger(mapper.fd)) throw notShared(`${formatValue(mapper.fd)} is no descriptor`);
  }
}

/**
 * Sees that a share is of the address space that its descriptors lead to.
 *
 * @param found smallest mappable page of that, in bytes
 * @throws PciError `ERR_INVALID_ARGUMENT`
 */
export function checkPageSize({ pageSize }: DomainShare, found: number): void {
  if (pageSize === found) return;
  throw notShared(
    `the share says that the smallest page is ${pageSize} bytes, and its mappers take ${found} bytes`,
  );
}

function listOf<T>(name: string, list: readonly T[]): readonly T[] {
  if (Array.isArray(list) && list.length > 0) return list;
  throw notShared(`${formatValue(list)} is no list of ${name}`);
}

/** The error for what `IommuDomain.share` did not give. */
export function notShared(message: string): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", message, {
    hint: "pass what domain.share(window) gave, with the descriptors as they arrived in this process",
  });
}
