import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { PciError } from "@userpci/interface";
import type { NativeConstants } from "./native-constants.ts";
import type { NativeNetlink, NativeSockets } from "./native-sockets.ts";

/**
 * The addon: one system call a function, on plain integers. A result below 0 is a negative errno, see `errnoName()`;
 * nothing throws but a wrong argument (`TypeError` for its type, `RangeError` for a number that is not an integer or
 * does not fit). Policy, classes and PciErrors are TypeScript's, above it.
 *
 * It is private to this package. Memory is named by address, and while every function that changes memory takes
 * only ranges that this environment mapped, {@link Native.view} takes any: a wrong address there crashes the process.
 *
 * *Environment* is Node's word for the main thread or one worker. Each has its own ledger of what it has open, and closes
 * all of it when it ends, by any way that Node lets it run clean-up; the kernel does so for a process that dies.
 *
 * Descriptors are close-on-exec from birth. Interrupted calls (EINTR) are made again.
 */
export interface Native extends NativeSockets, NativeNetlink {
  /** Numbers of the C headers. */
  readonly constants: NativeConstants;
  /** What mends a refused access of a device, where it is not the kernel that refuses. */
  readonly refusalHint?: string;

  /**
   * open(2).
   *
   * @param flags `O_` constants, also those of `node:fs`; `O_CLOEXEC` is added
   * @returns a descriptor, or negative errno
   */
  open(path: string, flags: number): number;
  /**
   * close(2) of a descriptor that this environment opened.
   *
   * @returns 0, -EBADF for any other descriptor, or -EBUSY while it is watched
   */
  close(fd: number): number;
  /** {@link close} on the thread pool: the last close of a VFIO device resets it, which may take 100 ms. */
  closeAsync(fd: number): Promise<number>;
  /** A duplicate of any descriptor of the process, as this environment's own. */
  dup(fd: number): number;
  /**
   * Makes a descriptor of the process this environment's own, to be closed by it. For those that the kernel puts into a
   * structure.
   *
   * @returns 0, -EEXIST if it is its own already, or -EBADF
   */
  adopt(fd: number): number;
  /**
   * ioctl(2).
   *
   * @param argument a structure, which must be as long as the kernel takes the request's to be (where the request's number
   *   carries a size, a shorter array is -EINVAL; VFIO's carry none and rely on `argsz`); or an integer
   * @param opens the result is a new descriptor, which becomes this environment's own
   */
  ioctl(fd: number, request: number, argument: Uint8Array | number, opens?: boolean): number;
  /**
   * {@link ioctl} on the thread pool. Works on a copy of `argument`, which is copied back before the promise resolves.
   *
   * @returns resolves to the result or negative errno; never rejects
   */
  ioctlAsync(fd: number, request: number, argument: Uint8Array, opens?: boolean): Promise<number>;
  /** How many descriptors and mappings this environment has open. */
  ledger(): { descriptors: number; mappings: number };

  /**
   * pread(2).
   *
   * @param position in bytes; exact below 2^53
   * @returns bytes read, possibly fewer than `target` has, or negative errno
   */
  pread(fd: number, target: Uint8Array, position: number): number;
  /** pwrite(2). Returns bytes written, or negative errno. */
  pwrite(fd: number, source: Uint8Array, position: number): number;
  /**
   * One pread of `width` bytes, little-endian. For 64 bits use {@link pread} with an array of 8 bytes.
   *
   * @returns the unsigned value, -EIO if fewer bytes were there, or another negative errno
   */
  readScalar(fd: number, position: number, width: 1 | 2 | 4): number;
  /**
   * One pwrite of the low `width` bytes of `value`.
   *
   * @returns 0, -EIO if fewer bytes were written, or another negative errno
   */
  writeScalar(fd: number, position: number, width: 1 | 2 | 4, value: number): number;

  /** The system's page size in bytes. */
  pageSize(): number;
  /**
   * mmap(2).
   *
   * @param length in bytes; whole huge pages where those back the file
   * @param offset in bytes; exact below 2^53
   * @param address a hint; with `MAP_FIXED` the range must be covered by mappings of this environment
   * @returns the address, or negative errno
   */
  mmap(length: number, prot: number, flags: number, fd: number, offset: number, address?: number): number;
  /**
   * munmap(2) of whole mappings or parts. Views of the range must be detached first, and no call on another thread may
   * use their bytes: touching them later is a crash. {@link retire} has no such condition.
   *
   * @returns 0, -EINVAL if not all of the range is this environment's, -EBUSY while faults in it are claimed
   */
  munmap(address: number, length: number): number;
  /** madvise(2) on a range of this environment's, mapped or held, else -EINVAL. */
  madvise(address: number, length: number, advice: number): number;
  /** mlock(2) on a range of this environment's, mapped or held, else -EINVAL. */
  mlock(address: number, length: number): number;
  /** munlock(2) on a range of this environment's, mapped or held, else -EINVAL. */
  munlock(address: number, length: number): number;
  /**
   * memfd_create(2), ftruncate(2) and `F_ADD_SEALS` (fcntl(2)) in one.
   *
   * @param name for people; shown in `/proc/PID/maps`
   * @param size in bytes
   * @param flags `MFD_HUGETLB` with a page size, or 0
   * @param seals `F_SEAL_` constants, or 0
   * @returns a descriptor, or negative errno
   */
  memfd(name: string, size: number, flags: number, seals: number): number;

  /**
   * Memory as an ArrayBuffer. The buffer does not own the memory: collecting it unmaps nothing.
   *
   * @returns the buffer; or -EFAULT (address 0), -EFBIG (longer than the engine allows), -ENOTSUP (the runtime
   *   forbids buffers outside its heap, or does not tell when one is collected)
   */
  view(address: number, length: number): ArrayBuffer | number;
  /**
   * Detaches a buffer: it and its views have length 0 from then on.
   *
   * @returns 0, or -EINVAL if it cannot be detached
   */
  detach(buffer: ArrayBuffer): number;
  /**
   * Ends the mapping that a buffer of {@link view} shows, with all of the buffer: the memory is released and the buffer
   * detached at once. Calls of Node's thread pool (`crypto`, `fs`, one step of `zlib`) may still use the address, which
   * they take from the buffer once: so private zeroed memory takes the place of what was mapped, until the garbage
   * collector has found that nobody has the buffer any more. A call that takes it again finds no bytes; Node's `zlib`
   * ends the process when its second step does. No longer counted by {@link ledger}.
   *
   * If the kernel has no such memory (too many mappings, or too much of it), the old mapping stays that long instead.
   *
   * @returns 0, -EINVAL if not all of the range is this environment's, -EBUSY while faults in it are claimed
   */
  retire(buffer: ArrayBuffer): number;
  /**
   * Takes a share in the memory of an ArrayBuffer or SharedArrayBuffer: nobody else is given it before {@link letGo},
   * whether the buffer is collected, transferred (as `postMessage` and a byte stream's `read(view)` do), detached or
   * grown meanwhile. What an environment still holds when it ends is never freed.
   *
   * @param bytes a view of the buffer, not empty
   * @returns a handle above 0, or -ENOTSUP if this runtime does not let an addon take a share
   */
  hold(bytes: Uint8Array<ArrayBufferLike>): number;
  /** Gives a share of {@link hold} back. Returns 0, or -ENOENT if there is none. */
  letGo(handle: number): number;
  /** Where the bytes of a buffer or view are in this process. */
  addressOf(buffer: ArrayBuffer | NodeJS.ArrayBufferView): number;

  /**
   * eventfd(2), non-blocking.
   *
   * @param initial count, below 2^32
   * @param flags `EFD_SEMAPHORE` or 0 (default)
   * @returns a descriptor, or negative errno
   */
  eventfd(initial: number, flags?: number): number;
  /** Takes an eventfd's count. Returns it (exact below 2^53), -EAGAIN if it is 0, or another negative errno. */
  counterRead(fd: number): number;
  /** Adds to an eventfd's count. Returns 0, -EAGAIN if the count would overflow, or another negative errno. */
  counterAdd(fd: number, count: number): number;
  /** {@link counterAdd} to an eventfd of another process's, which may block: asks first whether there is room. */
  counterOffer(fd: number, count: number): number;
  /**
   * Takes an eventfd's count, and blocks this thread until there is one: {@link counterRead} again and again for a budget,
   * then {@link poll}, then {@link counterRead}, in one call.
   *
   * @param fds the eventfd, then descriptors that end the wait too, with nothing taken from them
   * @param timeoutMs how long to sleep after the budget, as for {@link poll}; 0 does not sleep
   * @param spinUs the budget in microseconds, 0 to 1,000,000; the other descriptors are not looked at meanwhile
   * @returns the count; 0 after the time-out or if another descriptor ended the wait; -EBADF, -EINVAL, or another
   *   negative errno
   */
  counterWait(fds: Int32Array, timeoutMs: number, spinUs: number): number;
  /**
   * Blocks this thread until one of the descriptors is readable, closed at its other end, or in error. Not even
   * `worker.terminate()` ends it early, so wait in slices where that matters.
   *
   * @param timeoutMs in milliseconds, fractions count; below 0: for ever. Signals do not shorten it
   * @param ready set to 1 for descriptors that are ready and 0 for others; as long as `fds`
   * @returns how many are ready, 0 after the time-out, -EBADF if one is not open, or another negative errno
   */
  poll(fds: Int32Array, timeoutMs: number, ready?: Uint8Array): number;

  /**
   * Watches a descriptor in the event loop.
   *
   * Of a counter (an eventfd) the addon takes the count and calls back with it; counts coalesce and none is lost. A
   * readable descriptor calls back with 1 as long as there is something to read. A negative argument is the errno that
   * ended the watch (-EBADF: the descriptor is in error, its own next call tells which); it still wants {@link unwatch}.
   *
   * An exception of the callback becomes `uncaughtException`. The watch keeps the process alive, see {@link watchRef}.
   *
   * The descriptor blocks afterwards if it did before.
   *
   * @param kind 0 counter, 1 readable, 2 writable (calls back with 1 as long as there is room)
   * @returns a handle above 0; -EEXIST if the loop watches the descriptor already, -EPERM if it cannot be watched
   */
  watch(fd: number, kind: 0 | 1 | 2, callback: (count: number) => void): number;
  /** Ends a watch, also from its own callback. Returns 0, or -ENOENT if there is none. */
  unwatch(handle: number): number;
  /** Whether the watch keeps the process alive. Returns 0, or -ENOENT if there is none. */
  watchRef(handle: number, on: boolean): number;

  /**
   * From now on a SIGBUS in this range, which must be whole pages of this environment's, is no crash: the page that
   * did not answer becomes private memory of all ones, and the slot's flag is set. Memory failures (`BUS_MCEERR_*`) and
   * misaligned accesses stay fatal. Up to 4096 ranges a process.
   *
   * Puts the handler on top if another took its place, as `process.on("SIGBUS")` does.
   *
   * @returns a slot, -EINVAL, -EEXIST if it overlaps another claim, or -ENOSPC
   */
  claimFaults(address: number, length: number): number;
  /** Gives the claim up. Returns 0, or -ENOENT if it is not this environment's. */
  releaseFaults(slot: number): number;
  /**
   * The flag of a slot: 4 bytes, the same memory in every thread and for the life of the process, to be read as an
   * `Int32Array`. Not 0 once the range faulted. After {@link releaseFaults} the slot may become another range's.
   */
  faultFlag(slot: number): ArrayBuffer | number;
  /** Sets the flag back to 0. The ones stay until something is mapped over them. Returns 0, or -ENOENT. */
  clearFault(slot: number): number;
}

let loaded: Native | undefined;

/**
 * The addon, loaded at the first call.
 *
 * @throws PciError `ERR_NATIVE_UNAVAILABLE` on a system it does not run on, with the loader's own error as `cause`
 */
export function loadNative(): Native {
  loaded ??= load();
  return loaded;
}

function load(): Native {
  const system = `${process.platform}-${process.arch}`;
  if (process.platform !== "linux") {
    throw new PciError("ERR_NATIVE_UNAVAILABLE", `VFIO is a feature of Linux, and this is ${system}`, {
      hint: "run on Linux, or without hardware: openDevice(address, { backend: emulated(model) })",
    });
  }
  try {
    const require = createRequire(import.meta.url);
    const loadFrom = require("node-gyp-build") as (packageFolder: string) => Native;
    // The addon sets one property after the other, so V8 keeps them in a hash table; not so those of a copy.
    return { ...loadFrom(fileURLToPath(new URL("..", import.meta.url))) };
  } catch (cause) {
    throw new PciError(
      "ERR_NATIVE_UNAVAILABLE",
      `the addon of @userpci/vfio-native did not load on ${system}`,
      {
        hint: "in a clone of the repository: npm run build; otherwise use a platform with a prebuilt addon (glibc Linux)",
        cause,
      },
    );
  }
}
