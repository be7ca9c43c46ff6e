import { fstatSync, readFileSync } from "node:fs";
import {
  type DmaMapper,
  type DomainShare,
  formatValue,
  type IommuDomain,
  isPciError,
  type MapperDescriptor,
  PciError,
} from "@userpci/interface";
import { createDomain } from "@userpci/iommu";
import { checkPageSize, checkShare, MOST_MAPPERS, notShared } from "./domain-share.ts";
import { systemError } from "./errno.ts";
import { IoasMapper } from "./ioas-mapper.ts";
import { Iommufd } from "./iommufd.ts";
import { loadNative, type Native } from "./native.ts";
import { Type1Mapper } from "./type1.ts";

/** What opens the descriptor of each kind: the name of the kernel's device in `/sys/class/misc`. */
const deviceNames: Readonly<Record<MapperDescriptor["kind"], string>> = {
  "vfio-container": "vfio",
  "iommufd-ioas": "iommu",
};

/** Domains that are open, to be emptied when this thread ends: the owner's descriptor would keep their mappings. */
const adopted = new Set<IommuDomain>();

/**
 * Makes a domain of what another process or thread shares: it maps into that one's address space, within the addresses
 * reserved for it. No device is attached to it; its close unmaps what it mapped, and so does the end of this process or
 * worker, unless it is killed or terminated. Memory counts against this process's own limit (row R13).
 *
 * @param share what `IommuDomain.share` gave, with descriptors of this process. They stay the caller's: duplicates are used
 * @throws PciError `ERR_INVALID_ARGUMENT` if a descriptor or the page size is not what it is said to be, `ERR_OUT_OF_RANGE`,
 * `ERR_IOVA_RANGE`, `ERR_DOMAIN_EMPTY` if it has no device any more, `ERR_NATIVE_UNAVAILABLE`
 */
export function adoptDomain(share: DomainShare): IommuDomain {
  return adoptUntil(share, () => undefined);
}

/** {@link adoptDomain}. @param closed called once when the domain has given up its mappers */
export function adoptUntil(share: DomainShare, closed: () => void): IommuDomain {
  checkShare(share);
  const { ranges, mappers } = share;
  if (mappers.length > MOST_MAPPERS) {
    throw notShared(`${mappers.length} mappers are more than ${MOST_MAPPERS}`);
  }
  const domain = createDomain({ ranges, label: "adopted" });
  let open = 0;
  const onClose = (): void => {
    open -= 1;
    if (open === 0 && adopted.has(domain)) forget(domain, closed);
  };
  try {
    for (const descriptor of mappers) {
      join(domain, adoptMapper(loadNative(), descriptor, onClose));
      open += 1;
    }
    checkPageSize(share, domain.pageSize);
  } catch (error) {
    domain.closeSync();
    throw error;
  }
  remember(domain);
  return domain;
}

/** Takes a mapper into the domain, which then owns it. */
function join(domain: IommuDomain, mapper: DmaMapper): void {
  try {
    domain.attach(mapper, mapper.name).detach();
  } catch (error) {
    mapper.close();
    if (!isPciError(error, "EINVAL") && !isPciError(error, "ENOENT")) throw error;
    throw new PciError("ERR_DOMAIN_EMPTY", `the ${mapper.name} is closed, or has no device any more`, {
      hint: "share it while a device is open in it, and keep that open",
      cause: error,
    });
  }
}

function adoptMapper(native: Native, descriptor: MapperDescriptor, onClose: () => void): DmaMapper {
  const fd = duplicateOf(native, descriptor);
  if (descriptor.kind === "vfio-container") {
    return new Type1Mapper(native, fd, { name: "VFIO container of another process", adopted: true, onClose });
  }
  return new IoasMapper(Iommufd.adopt(native, fd), { id: descriptor.object!, adopted: true, onClose });
}

/**
 * A duplicate of a mapper's descriptor, once that is seen to be of its kind.
 *
 * @returns a descriptor, the caller's to close
 * @throws PciError `ERR_INVALID_ARGUMENT`, or with the system's code if no descriptor is left
 */
export function duplicateOf(native: Native, descriptor: MapperDescriptor): number {
  checkKind(descriptor);
  const fd = native.dup(descriptor.fd);
  if (fd < 0) throw systemError(fd, "fcntl");
  return fd;
}

/** Sees that a descriptor is of the kernel's own device: another file may take an ioctl for something else. */
function checkKind({ kind, fd, object }: MapperDescriptor): void {
  const name = Object.hasOwn(deviceNames, kind) ? deviceNames[kind] : undefined;
  if (name === undefined) throw notShared(`there is no mapper of the kind ${formatValue(kind)}`);
  if (kind === "iommufd-ioas" && !Number.isInteger(object)) {
    throw notShared(`${formatValue(object)} is no number of an address space`);
  }
  if (deviceOf(fd) !== numberOf(name)) {
    throw notShared(`descriptor ${formatValue(fd)} is no ${kind}`);
  }
}

/** The number of the device that a descriptor is open for; undefined for what is no device. */
function deviceOf(fd: number): number | undefined {
  try {
    const stat = fstatSync(fd);
    return stat.isCharacterDevice() ? stat.rdev : undefined;
  } catch {
    return undefined;
  }
}

/** The number of a device of the kernel's class `misc`, as stat(2) has it (`new_encode_dev` in `linux/kdev_t.h`); NaN if it is not there. */
function numberOf(name: string): number {
  try {
    const [major = NaN, minor = NaN] = readFileSync(`/sys/class/misc/${name}/dev`, "utf8")
      .split(":")
      .map(Number);
    return (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
  } catch {
    return NaN;
  }
}

function remember(domain: IommuDomain): void {
  if (adopted.size === 0) process.on("exit", closeAll);
  adopted.add(domain);
}

function forget(domain: IommuDomain, closed: () => void): void {
  adopted.delete(domain);
  if (adopted.size === 0) process.off("exit", closeAll);
  closed();
}

function closeAll(): void {
  for (const domain of adopted) {
    try {
      domain.closeSync();
    } catch {
      // At the exit nobody is left to be told; the owner of the address space unmaps the rest.
    }
  }
}
