import { fstatSync } from "node:fs";
import { formatValue, PciError, type SharedMemory } from "@userpci/interface";
import type { Tether, TetherOffer } from "./tether.ts";

const MEMFD = "memfd";

/** The memory of a memfd on its way to other threads of the process. */
export interface SharedMemfd extends SharedMemory {
  readonly type: typeof MEMFD;
  /** The offering thread's descriptor. */
  readonly fd: number;
  /** Inode number of the memory. */
  readonly inode: bigint;
  /** In bytes: all of it. */
  readonly size: number;
  readonly tether: TetherOffer;
}

/** Describes memory to other threads, as long as the tether holds. */
export function shareMemfd(fd: number, size: number, tether: Tether): SharedMemfd {
  return { type: MEMFD, fd, inode: fstatSync(fd, { bigint: true }).ino, size, tether: tether.offer };
}

/** Lets through what {@link shareMemfd} made. @throws PciError `ERR_INVALID_ARGUMENT` */
export function checkSharedMemfd(shared: SharedMemory): SharedMemfd {
  const { type, fd, inode, size, tether } = (shared ?? {}) as SharedMemfd;
  const isWhole =
    type === MEMFD &&
    Number.isInteger(fd) &&
    typeof inode === "bigint" &&
    Number.isSafeInteger(size) &&
    Number.isInteger(tether?.socket) &&
    typeof tether.inode === "bigint";
  if (isWhole) return shared as SharedMemfd;
  throw new PciError("ERR_INVALID_ARGUMENT", `not shared memory: type ${formatValue(type)}`, {
    hint: "pass what share() returned, as it came out of the message",
  });
}
