import {
  checkType,
  type DmaMapper,
  type DomainShare,
  formatValue,
  type IovaReservation,
  type MapperDescriptor,
  PciError,
} from "@userpci/interface";
import { formatRange } from "./ranges.ts";
import { Reservation } from "./reservation.ts";

/** What a domain tells of itself to be shared. */
export interface Sharer {
  readonly pageSize: number;
  readonly mappers: readonly DmaMapper[];
  /** Whether a reservation is one of its own, and open. */
  holds(reservation: Reservation): boolean;
}

/** See `IommuDomain.share`. */
export function shareOf(window: IovaReservation, domain: Sharer): DomainShare {
  checkType("window", window, "object");
  if (!(window instanceof Reservation)) {
    throw new PciError("ERR_INVALID_ARGUMENT", `${formatValue(window)} is no reservation`, {
      hint: "share what domain.reserve(size) gave",
    });
  }
  if (!domain.holds(window)) {
    throw new PciError("ERR_CLOSED", `${formatRange(window.range)} is not reserved in this domain`, {
      hint: "share what domain.reserve(size) gave, and close it when the other process has ended",
    });
  }
  const descriptors = domain.mappers.map(descriptorOf);
  window.shared = true;
  return { ranges: [window.range], pageSize: domain.pageSize, mappers: descriptors };
}

function descriptorOf(mapper: DmaMapper): MapperDescriptor {
  const { name } = mapper;
  if (mapper.share !== undefined) return mapper.share();
  throw new PciError(
    "ERR_NOT_SUPPORTED",
    `${name} has no descriptor that another process could map through`,
    {
      hint: "share a domain whose devices are all open through the kernel's VFIO",
    },
  );
}
