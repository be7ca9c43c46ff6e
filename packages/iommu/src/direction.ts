import { type DmaDirection, formatValue, PciError } from "@userpci/interface";

const directions: readonly DmaDirection[] = ["to-device", "from-device", "bidirectional"];

/** @throws PciError `ERR_INVALID_ARGUMENT` for what is no direction */
export function checkDirection(direction: DmaDirection): void {
  if (directions.includes(direction)) return;
  throw new PciError(
    "ERR_INVALID_ARGUMENT",
    `direction must be ${directions.join(", ")}, not ${formatValue(direction)}`,
    { hint: "it is the device's view: it reads memory that is to-device" },
  );
}
