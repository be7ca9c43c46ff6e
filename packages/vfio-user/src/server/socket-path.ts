import { lstatSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { isPciError, PciError } from "@userpci/interface";
import { FrameListener, FrameSocket, type ListenOptions } from "@userpci/vfio-native/socket";

/** How long to try whether somebody listens, in milliseconds. */
const TRY_MS = 200;

/**
 * The paths that this thread serves: a client on the same thread would wait for itself. Known to the client of this package by
 * the symbol's name alone, so that either can be loaded without the other.
 */
const key: unique symbol = Symbol.for("@userpci/vfio-user/served") as never;
const shared = globalThis as { [key]?: Set<string> };

shared[key] ??= new Set();

/** The paths that this thread serves. */
export const servedPaths: Set<string> = shared[key];

/** A path as {@link servedPaths} has it. Abstract names begin with `@`. */
export const absolute = (path: string): string => (path.startsWith("@") ? path : resolve(path));

/**
 * Listens at a path. The file of a server that has died is replaced.
 *
 * @throws PciError `ERR_BUSY` if somebody listens there; `ERR_INVALID_ARGUMENT` for a path of more than 107 bytes, or of what is
 * no socket; with the system's code
 */
export function listen(path: string, options: ListenOptions): FrameListener {
  try {
    return new FrameListener(path, options);
  } catch (error) {
    if (!isPciError(error, "EADDRINUSE")) throw error;
    if (path.startsWith("@") || isAlive(path, options)) throw busy(path, error);
    rmSync(path, { force: true });
    return new FrameListener(path, options);
  }
}

/** @throws PciError `ERR_INVALID_ARGUMENT` for what is no socket */
function isAlive(path: string, options: ListenOptions): boolean {
  if (lstatSync(path, { throwIfNoEntry: false, bigint: true })?.isSocket() === false) {
    throw new PciError("ERR_INVALID_ARGUMENT", `${path} is there, and is no socket`, {
      hint: "take a path where nothing is yet, or a socket that no server has any more",
      path,
    });
  }
  try {
    FrameSocket.connect(path, TRY_MS, options).close();
    return true;
  } catch (error) {
    return !isPciError(error, "ERR_NO_DEVICE");
  }
}

function busy(path: string, cause: unknown): PciError {
  return new PciError("ERR_BUSY", `another server listens at ${path}`, {
    hint: "take another path, or end that server",
    path,
    cause,
  });
}
