import { fstatSync, openSync, readSync, writeSync } from "node:fs";
import { anonymousFile, closeReceived } from "@userpci/vfio-native/socket";
import { uapi } from "@userpci/vfio-native/structures";
import { limits, protocolError, structures } from "../protocol/index.ts";
import type { Connection } from "./connection.ts";

const { STOP_COPY, RESUMING, PRE_COPY, PRE_COPY_P2P } = uapi.migrationState;
/** States in which a device gives its state away. */
const SAVING: ReadonlySet<number> = new Set([STOP_COPY, PRE_COPY, PRE_COPY_P2P]);
/** More than any device's state takes, in bytes. */
const MOST_BYTES = 2 ** 30;

/**
 * A device's state on its way, as the kernel has it: a file that is read while the device is saved, and written before it is
 * resumed. The protocol carries the bytes by messages, of which the file here is filled, or which are made of it.
 */
export class MigrationData {
  readonly #connection: Connection;
  readonly #chunk: number;
  #file: number | undefined;
  #state: number | undefined;

  /** @param most bytes of data that the server takes or gives in one message */
  constructor(connection: Connection, most: number) {
    this.#connection = connection;
    this.#chunk = Math.min(most, limits.dataTransfer);
  }

  /** Before the device leaves its state: what the user has written goes to it, once, whatever comes of it. */
  leave(): void {
    if (this.#state !== RESUMING || this.#file === undefined) return;
    try {
      this.#write(this.#file);
    } finally {
      this.close();
    }
  }

  #write(file: number): void {
    const { size } = fstatSync(file);
    const buffer = new Uint8Array(this.#chunk);
    for (let at = 0; at < size; ) {
      const count = readSync(file, buffer, 0, Math.min(buffer.length, size - at), at);
      if (count === 0) return;
      const argsz = structures.migrationData.size + count;
      this.#connection.call("migrationDataWrite", { argsz, size: count }, buffer.subarray(0, count));
      at += count;
    }
  }

  /**
   * When the device is in another state.
   *
   * @returns a descriptor of the file to read or to write, which is the caller's; -1 if there is none, or it has it already
   */
  enter(state: number): number {
    const goesOn = SAVING.has(state) && this.#state !== undefined && SAVING.has(this.#state);
    if (!goesOn) this.close();
    this.#state = state;
    if (!SAVING.has(state) && state !== RESUMING) return -1;
    this.#file ??= anonymousFile("userpci-migration");
    if (SAVING.has(state)) this.#read(this.#file);
    // With a position of its own, from which the user reads or writes.
    return goesOn ? -1 : openSync(`/proc/self/fd/${this.#file}`, "r+");
  }

  /** Forgets what was under way, as a reset does. Harmless twice. */
  close(): void {
    if (this.#file !== undefined) closeReceived(this.#file);
    this.#file = undefined;
    this.#state = undefined;
  }

  /** Takes what there is of the state, behind what was taken before. */
  #read(file: number): void {
    for (let total = fstatSync(file).size; ; ) {
      const size = this.#chunk;
      // With room for the data: libvfio-user's server refuses less.
      const argsz = structures.migrationData.size + size;
      const { values, tail } = this.#connection.call("migrationDataRead", { argsz, size });
      if (values.size === 0) return;
      // A server may fill its answer up.
      if (values.size > tail.length || values.size > this.#chunk || total + values.size > MOST_BYTES) {
        throw this.#connection.end(
          protocolError(`${values.size} bytes of state, in ${tail.length} bytes behind ${total}`),
        );
      }
      writeSync(file, tail, 0, values.size, total);
      total += values.size;
    }
  }
}
