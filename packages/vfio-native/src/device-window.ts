import { PciError, type RegionArea } from "@userpci/interface";
import type { DeviceAccess } from "./device-access.ts";
import { systemError } from "./errno.ts";
import type { MappedWindow } from "./mapped-region.ts";
import { mapFile } from "./mapping.ts";

/** What of a region is to be mapped, and how. */
export interface WindowSource {
  /** Where the region begins in the device descriptor's file. */
  readonly base: number;
  readonly readable: boolean;
  readonly writable: boolean;
}

/**
 * Maps an area of a region and guards it against SIGBUS, which a device answers with that is unplugged or does not
 * decode memory.
 *
 * @param name of the region, for messages
 * @throws PciError with the system's code; nothing is then mapped
 */
export function mapDeviceWindow(
  { native, fd, address: device }: DeviceAccess,
  source: WindowSource,
  area: RegionArea,
  name: string,
): MappedWindow {
  const { PROT_READ, PROT_WRITE, MAP_SHARED, MAP_FIXED, MADV_DONTFORK } = native.constants;
  const rights = (source.readable ? PROT_READ : 0) | (source.writable ? PROT_WRITE : 0);
  const offset = source.base + area.offset;
  const { address, buffer, unmap } = mapFile(native, { fd, offset, size: area.size, rights });
  const slot = native.claimFaults(address, area.size);
  const flag = slot < 0 ? slot : native.faultFlag(slot);
  if (typeof flag === "number") {
    if (slot >= 0) native.releaseFaults(slot);
    unmap();
    throw new PciError("ERR_NOT_SUPPORTED", `${name} of ${device} cannot be guarded against SIGBUS`, {
      hint: "at most 4096 mappings can be guarded in a process: close those that are not used",
      cause: systemError(flag, "sigaction"),
    });
  }
  return {
    offset: area.offset,
    buffer,
    fault: new Int32Array(flag),
    remap() {
      const again = native.mmap(area.size, rights, MAP_SHARED | MAP_FIXED, fd, offset, address);
      if (again < 0) throw systemError(again, "mmap", { message: `mapping ${name} of ${device} again` });
      native.madvise(address, area.size, MADV_DONTFORK);
      native.clearFault(slot);
    },
    release() {
      native.releaseFaults(slot);
      unmap();
    },
  };
}
