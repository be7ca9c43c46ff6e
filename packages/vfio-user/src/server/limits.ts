import { checkInteger, checkNames, checkType } from "@userpci/interface";
import { limits as protocol } from "../protocol/index.ts";

/** Bounds of what clients may cost a server. */
export interface ServerLimits {
  /** Most clients at one time, where each has a function of its own, 1 to 1024. Default 16. */
  readonly sessions: number;
  /** Most DMA maps of a client, 1 to 65535. Default 65535. */
  readonly dmaMaps: number;
  /** Most bytes of data in one message, 4096 to 1 MiB. Default 1 MiB. */
  readonly dataTransfer: number;
  /** Most descriptors in one message from a client, 1 to 64; QEMU gives up on more than 16. Default 16. */
  readonly descriptors: number;
  /** How long a client may take to say which version it speaks, in milliseconds. Default 5000. */
  readonly handshakeMs: number;
  /** How long a client may take to answer a DMA message, in milliseconds. Default 5000. */
  readonly dmaMs: number;
  /** Most DMA messages without an answer, 1 to 1024. Default 32. */
  readonly dmaInFlight: number;
  /** Most bytes of a device's state that a client may load, up to 4 GiB. Default 256 MiB. */
  readonly migrationState: number;
}

const HOUR_MS = 3_600_000;

/** Default, least and most of each. */
const rows: Readonly<Record<keyof ServerLimits, readonly [standard: number, least: number, most: number]>> = {
  sessions: [16, 1, 1024],
  dmaMaps: [protocol.dmaMaps, 1, protocol.dmaMaps],
  dataTransfer: [protocol.dataTransfer, 4096, protocol.dataTransfer],
  descriptors: [16, 1, 64],
  handshakeMs: [5000, 1, HOUR_MS],
  dmaMs: [5000, 1, HOUR_MS],
  dmaInFlight: [32, 1, 1024],
  migrationState: [256 * 2 ** 20, 0, 2 ** 32],
};

/**
 * The limits with those that are given.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for a limit that there is not, `ERR_OUT_OF_RANGE`
 */
export function limitsOf(given: Partial<ServerLimits> = {}): ServerLimits {
  checkType("limits", given, "object");
  checkNames("a server", given, rows, "limit");
  const entries = Object.entries(rows).map(([name, [standard, least, most]]) => {
    const value = given[name as keyof ServerLimits] ?? standard;
    return [name, checkInteger(`limits.${name}`, value, least, most)];
  });
  return Object.fromEntries(entries) as unknown as ServerLimits;
}
