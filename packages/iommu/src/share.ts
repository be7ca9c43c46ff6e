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

/** Which reservation a share is of. */
const windows = new WeakMap<DomainShare, Reservation>();

/**
 * Tells a domain that another process is being given what it shared. The addresses are then not given out again before that
 * process has gone, also when the reservation is closed: what it unmaps late would be a mapping made there since.
 *
 * @param share what `IommuDomain.share` gave, not a copy; for anything else nothing is done
 * @returns to be called when the process has gone; harmless twice. If an IOMMU does not let go of what it had mapped, the addresses stay reserved
 * @throws PciError `ERR_CLOSED` if the reservation was closed before
 */
export function holdWindow(share: DomainShare): () => void {
  const window = windows.get(share);
  if (window?.closed) throw notReserved(window);
  return window?.hold() ?? (() => undefined);
}

/** See `IommuDomain.share`. */
export function shareOf(window: IovaReservation, domain: Sharer): DomainShare {
  checkType("window", window, "object");
  if (!Reservation.is(window)) {
    throw new PciError("ERR_INVALID_ARGUMENT", `${formatValue(window)} is no reservation`, {
      hint: "share what domain.reserve(size) gave",
    });
  }
  if (!domain.holds(window)) throw notReserved(window);
  const descriptors = domain.mappers.map(descriptorOf);
  window.shared = true;
  const share = { ranges: [window.range], pageSize: domain.pageSize, mappers: descriptors };
  windows.set(share, window);
  return share;
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

function notReserved({ range }: IovaReservation): PciError {
  return new PciError("ERR_CLOSED", `${formatRange(range)} is not reserved in this domain`, {
    hint: "share what domain.reserve(size) gave, and close it when the other process has ended",
  });
}
