import { PciError } from "@userpci/interface";

/**
 * The number of an IOMMU group on the command line.
 *
 * @param other what may be given in its place, for the hint
 * @throws PciError `ERR_INVALID_ARGUMENT`
 */
export function groupNumber(text: string, other = ""): number {
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is not the number of an IOMMU group`, {
    hint: `give a number${other}; \`userpci groups\` shows them`,
  });
}
