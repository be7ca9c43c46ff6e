/** Turns the errno of a VFIO call into what happened and what mends it. One table row a case. */
import {
  type ErrorCode,
  type MapperLimits,
  type MapRequest,
  mayPin,
  memlockError,
  PciError,
  type PinBudget,
} from "@userpci/interface";
import { formatRanges } from "@userpci/iommu";
import { describeHolders, endHolders, type HolderReport } from "@userpci/sysfs";
import { errnoName, systemError } from "./errno.ts";
import { readPins } from "./memlock.ts";

/** Opens a container, for whoever may. */
export const CONTAINER_NODE = "/dev/vfio/vfio";
/** Opens an iommufd. */
export const IOMMU_NODE = "/dev/iommu";

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** Mends that a user may not open a node. Group nodes belong to root until they are given away; the container's to all. */
const permitHint = (path: string, address: string): string =>
  path === CONTAINER_NODE
    ? `sudo chmod 0666 ${path}  # as udev's own rules do: it gives access to no device`
    : `sudo userpci bind ${address} --user $(id -un)`;

/** Mends that a node is not there. */
const missingHint = (path: string, address: string): string =>
  path === IOMMU_NODE
    ? "modprobe iommufd; that takes Linux 6.2 or later with CONFIG_IOMMUFD. Without it use vfioGroup()"
    : `modprobe vfio-pci, then bind the device: userpci bind ${address}`;

/**
 * Why a VFIO node could not be opened. EBUSY is left as it is, since it may pass: see {@link busyError}.
 *
 * @param address of the function to be opened by it, for the command that mends it
 */
export function openError(result: number, path: string, address = "ADDRESS"): PciError {
  const fail = (code: string, message: string, hint: string): PciError =>
    systemError(result, "open", { code, message, hint, path });
  switch (errnoName(result)) {
    case "EACCES":
    case "EPERM":
      return fail("ERR_PERMISSION", `this user may not open ${path}`, permitHint(path, address));
    case "ENOENT":
      return fail("ERR_NOT_SUPPORTED", `${path} does not exist`, missingHint(path, address));
    case "ENODEV":
      return fail("ERR_NO_IOMMU", `${path} leads to no IOMMU group`, `userpci bind ${address}`);
    default:
      return systemError(result, "open", { message: `opening ${path}`, path });
  }
}

/** What to say of a node that stays busy (EBUSY), with who has it open as far as this user may see. */
export function busyError(error: PciError & { readonly path: string }, report: HolderReport): PciError {
  const { path, errno = 0 } = error;
  const { holders, unreadable } = report;
  const here = holders.length > 0 && holders.every(({ pid }) => pid === process.pid);
  const hidden = unreadable > 0 ? "perhaps by a process of another user" : "by a process that has just ended";
  return systemError(errno, "open", {
    code: "ERR_DEVICE_BUSY",
    message: here
      ? `${path} is open in this process (pid ${process.pid}) already`
      : `${path} is open elsewhere, ${holders.length > 0 ? `by ${describeHolders(holders)}` : hidden}`,
    hint:
      holders.length > 0
        ? `${endHolders(holders)}${here ? "" : ", or close the device there"}`
        : `try again; as root, fuser -v ${path} shows the holders`,
    path,
    details: { holders },
  });
}

/** Who refused a mapping. */
export interface MapCall {
  readonly syscall: string;
  /** What is pinned, where this call counts it. */
  readonly pins: () => PinBudget;
}

const type1Map: MapCall = { syscall: "ioctl VFIO_IOMMU_MAP_DMA", pins: () => readPins("process") };

/** What the kernel means by an error number of a mapping. */
interface MapRefusal {
  /** A code of ours that says more than the number's name. */
  readonly code?: ErrorCode;
  /** What to say behind "mapping 4096 bytes at IOVA 0x1000". */
  readonly what: (limits: () => MapperLimits) => string;
  readonly hint: string;
}

const outOfRange: MapRefusal = {
  code: "ERR_IOVA_RANGE",
  what: (limits) => ` is refused${describeLimits(limits)}`,
  hint: "let the domain choose the IOVA, or use a page multiple inside what the IOMMU translates",
};

const mapRefusals: Partial<Record<string, MapRefusal>> = {
  EEXIST: {
    code: "ERR_IOVA_OVERLAP",
    what: () => " overlaps a live mapping",
    hint: "unmap that one first, or let the domain choose",
  },
  ENOSPC: {
    code: "ERR_MAPPING_LIMIT",
    what: () => ": the container holds as many mappings as it may",
    hint: "map fewer, larger buffers, or raise it: modprobe vfio_iommu_type1 dma_entry_limit=N (65535 by default)",
  },
  EINVAL: outOfRange,
  // Linux 7.2 and later, for what passes the end of the address space.
  EOVERFLOW: outOfRange,
  EFAULT: {
    what: () => ": the memory cannot be pinned",
    hint: "keep it mapped in this process; a file must be on tmpfs or hugetlbfs for a device to write it, and one that may only be read is to-device",
  },
  ENOTTY: {
    code: "ERR_NOT_SUPPORTED",
    what: () => ": the kernel cannot map a file",
    hint: "that takes Linux 6.13 or later; use memory that is mapped in this process",
  },
};

/**
 * Why the kernel refused a mapping: `vfio_dma_do_map` in `drivers/vfio/vfio_iommu_type1.c`, or `iommufd_ioas_map` in
 * `drivers/iommu/iommufd/ioas.c`.
 */
export function mapError(
  result: number,
  request: MapRequest,
  limits: () => MapperLimits,
  call: MapCall = type1Map,
): PciError {
  const { iova, size } = request;
  const mapping = `mapping ${size} bytes at IOVA ${hex(iova)}`;
  const name = errnoName(result);
  if (name === "ENOMEM") return pinError(result, call, request, mapping);
  const { what, ...refusal } = mapRefusals[name] ?? {};
  const message = `${mapping}${what?.(limits) ?? ""}`;
  return systemError(result, call.syscall, { ...refusal, message, details: { iova, size } });
}

/** For a range that is not exactly what was mapped: more, a part of it, or nothing. */
export function unmapError(iova: bigint, size: number, result?: number, syscall?: string): PciError {
  const message = `at IOVA ${hex(iova)} no mapping is exactly ${size} bytes long`;
  const hint = "unmap exactly what was mapped, once";
  if (result === undefined || syscall === undefined)
    return new PciError("ERR_INVALID_ARGUMENT", message, { hint });
  return systemError(result, syscall, { code: "ERR_INVALID_ARGUMENT", message, hint });
}

/** For a range that is to be emptied, whoever mapped there. */
export function sweepError(iova: bigint, size: number, result: number, syscall: string): PciError {
  return systemError(result, syscall, {
    message: `unmapping all ${size} bytes from IOVA ${hex(iova)} on`,
    hint: "a mapping crosses the bounds: unmap it first, in the process that made it",
  });
}

/** What the IOMMU would take; nothing if it does not even tell that any more. */
function describeLimits(limits: () => MapperLimits): string {
  try {
    const { ranges, pageSize } = limits();
    return `: the IOMMU translates ${formatRanges(ranges)} in pages of ${pageSize} bytes`;
  } catch {
    return "";
  }
}

/** @param pins what counts, as the kernel left it when it refused */
function pinError(result: number, call: MapCall, { iova, size }: MapRequest, what: string): PciError {
  const pins = call.pins();
  if (mayPin(size, pins)) {
    const message = `${what}: the kernel has no memory left for it`;
    const details = { iova, size, asked: size };
    return systemError(result, call.syscall, { message, hint: "free memory", details });
  }
  const { code, message, hint, details } = memlockError(what, size, pins);
  return systemError(result, call.syscall, {
    code,
    message,
    hint: hint!,
    details: { iova, size, ...details },
  });
}
