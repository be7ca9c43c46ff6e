import {
  checkType,
  type DmaMapper,
  type DomainShare,
  type IommuDomain,
  type IovaReservation,
  type MapperDescriptor,
  PciError,
} from "@userpci/interface";
import { formatRange } from "./ranges.ts";

/** See `IommuDomain.share`. */
export function shareOf(
  domain: IommuDomain,
  window: IovaReservation,
  mappers: readonly DmaMapper[],
): DomainShare {
  checkType("window", window, "object");
  const state = domain.explain(window.range.start).state;
  if (window.closed || state !== "reserved") {
    throw new PciError("ERR_CLOSED", `${formatRange(window.range)} is not reserved in this domain`, {
      hint: "share what domain.reserve(size) gave, and close it when the other process has ended",
    });
  }
  return { ranges: [window.range], pageSize: domain.pageSize, mappers: mappers.map(descriptorOf) };
}

function descriptorOf({ name, descriptor }: DmaMapper): MapperDescriptor {
  if (descriptor !== undefined) return descriptor;
  throw new PciError(
    "ERR_NOT_SUPPORTED",
    `${name} has no descriptor that another process could map through`,
    {
      hint: "share a domain whose devices are all open through the kernel's VFIO",
    },
  );
}
