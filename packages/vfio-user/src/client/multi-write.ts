import {
  accessError,
  type BackendDevice,
  checkInteger,
  formatValue,
  PciError,
  valueError,
} from "@userpci/interface";
import { limits, structures } from "../protocol/index.ts";
import type { Connection } from "./connection.ts";

/** One of several register writes that go in one message. */
export interface RegisterWrite {
  /** Number of the region. */
  readonly region: number;
  /** In bytes, a multiple of `width`. */
  readonly offset: number;
  /** In bytes. */
  readonly width: 1 | 2 | 4 | 8;
  /** A bigint for 64 bits, else a number; the low bits go out. */
  readonly value: number | bigint;
}

/** @throws PciError as the writes would one by one, before any of them is done */
export function checkWrites(device: BackendDevice, writes: readonly RegisterWrite[]): void {
  for (const { region, offset, width, value } of writes) {
    const { size } = device.regionInfo(region);
    const name = `region ${region}`;
    if (![1, 2, 4, 8].includes(width)) {
      throw new PciError("ERR_INVALID_ARGUMENT", `a register of ${formatValue(width)} bytes`, {
        hint: "width is 1, 2, 4 or 8",
      });
    }
    checkInteger("offset", offset, 0, Number.MAX_SAFE_INTEGER);
    const error = accessError(name, size, offset, width) ?? valueError(name, offset, width, value);
    if (error !== undefined) throw error;
  }
}

/**
 * Sends writes by REGION_WRITE_MULTI, as many in a message as that takes.
 *
 * @throws PciError of the first write that the server did not do; those before it are done
 */
export function sendWrites(connection: Connection, writes: readonly RegisterWrite[]): void {
  for (let start = 0; start < writes.length; start += limits.writes) {
    const part = writes.slice(start, start + limits.writes);
    const { values } = connection.call("regionWriteMulti", { count: BigInt(part.length) }, pack(part));
    if (values.count === BigInt(part.length)) continue;
    const failed = writes[start + Number(values.count)];
    throw new PciError("EIO", `the server did ${values.count} of ${part.length} writes`, {
      hint: "write the next one alone, which tells why it is refused",
      details: { done: start + Number(values.count), failed },
    });
  }
}

function pack(writes: readonly RegisterWrite[]): Uint8Array {
  const { multiWrite } = structures;
  const bytes = new Uint8Array(writes.length * multiWrite.size);
  writes.forEach(({ offset, region, width, value }, i) => {
    const data = BigInt.asUintN(8 * width, typeof value === "bigint" ? value : BigInt(value >>> 0));
    multiWrite.write(bytes, { offset: BigInt(offset), region, count: width, data }, i * multiWrite.size);
  });
  return bytes;
}
