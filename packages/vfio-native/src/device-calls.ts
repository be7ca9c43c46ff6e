import type { PciError } from "@userpci/interface";
import { loadNative, type Native } from "./native.ts";
import type { WideAccess } from "./pread-region.ts";

/** Calls of a device for which the kernel's descriptors have others, or none. */
export interface BeyondKernel extends WideAccess {
  /** Why the device cannot be reached any more, if so. */
  readonly lost: PciError | undefined;
  /** Reads the log of writes: the kernel takes the address of the bitmap. @throws PciError */
  reportWrites(request: Uint8Array, bitmap: Uint8Array): void;
}

/**
 * What a device answers that is no descriptor of the kernel's: as the system calls on one would, which `VfioDevice` is made
 * of. Results below 0 are negative errno; whatever else went wrong is thrown as a PciError.
 */
export interface DeviceCalls extends BeyondKernel {
  /** A descriptor of this process, which stands for the device in calls that take one. */
  readonly fd: number;
  /** What mends an access that was refused. */
  readonly refusalHint: string;
  /**
   * A request of `linux/vfio.h` for devices.
   *
   * @param argument the request's structure, filled in place; or a number where it takes none
   */
  ioctl(request: number, argument: Uint8Array | number): number;
  /** {@link ioctl} without holding up this thread. */
  ioctlAsync(request: number, argument: Uint8Array): Promise<number>;
  /** One read of `width` bytes at a position of the device's file, as `REGION_INFO` laid the regions out in it. */
  readScalar(position: number, width: 1 | 2 | 4): number;
  /** A read of many bytes, as {@link readScalar}. Returns how many were read, at least 1, or a negative errno. */
  pread(position: number, target: Uint8Array): number;
  /** One write, as {@link readScalar}. */
  writeScalar(position: number, width: 1 | 2 | 4, value: number): number;
  /** Where a part of the device's file can be mapped: bytes `offset` of another descriptor; or a negative errno. */
  locate(offset: number, length: number): { readonly fd: number; readonly offset: number } | number;
  /** Gives the device back. */
  close(): void;
  /** {@link close} without holding up this thread. */
  closeAsync(): Promise<void>;
}

/** The addon, with calls on one descriptor answered by `calls`. */
export function nativeOver(calls: DeviceCalls): Native {
  const native = loadNative();
  return {
    ...native,
    refusalHint: calls.refusalHint,
    ioctl: (_fd, request, argument) => calls.ioctl(request, argument),
    ioctlAsync: (_fd, request, argument) => calls.ioctlAsync(request, argument),
    pread: (fd, target, position) =>
      fd === calls.fd ? calls.pread(position, target) : native.pread(fd, target, position),
    readScalar: (_fd, position, width) => calls.readScalar(position, width),
    writeScalar: (_fd, position, width, value) => calls.writeScalar(position, width, value),
    mmap(length, prot, flags, fd, offset, address) {
      if (fd !== calls.fd) return native.mmap(length, prot, flags, fd, offset, address);
      const place = calls.locate(offset, length);
      return typeof place === "number"
        ? place
        : native.mmap(length, prot, flags, place.fd, place.offset, address);
    },
    close(fd) {
      if (fd !== calls.fd) return native.close(fd);
      calls.close();
      return 0;
    },
    async closeAsync(fd) {
      if (fd !== calls.fd) return native.closeAsync(fd);
      await calls.closeAsync();
      return 0;
    },
  };
}
