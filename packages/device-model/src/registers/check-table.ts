import { checkInteger, checkMethods, checkType, formatValue, PciError } from "@userpci/interface";
import type { AnyRegisterTable } from "./table.ts";

/** @throws PciError `ERR_INVALID_ARGUMENT` for what is no table, of this or any other copy of the package */
export function checkTable(table: AnyRegisterTable): void {
  const hint = "pass what registerTable() returned";
  checkMethods("the table of registers", table, ["find"], hint);
  checkType("the rows of the table of registers", table.rows, "object", hint);
}

/** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for an access that no bus makes */
export function checkAccess(offset: number, width: number, widths: readonly number[]): void {
  checkInteger("the offset of the access", offset, 0, 2 ** 32 - 1);
  if (widths.includes(width)) return;
  throw new PciError("ERR_INVALID_ARGUMENT", `an access cannot have ${formatValue(width)} bytes`, {
    hint: `give one of ${widths.join(", ")} for its width`,
  });
}
