import type { HostedFunction, HostedMigration } from "@userpci/device-model";
import { structures } from "../protocol/index.ts";
import { refusal } from "./descriptors.ts";

const { ERROR, STOP, RUNNING, STOP_COPY, RESUMING } = structures.migrationStates;

/** Where a transfer of state is. */
interface Transfer {
  /** Of {@link STOP_COPY}: the state, and how much of it was read. */
  readonly saved?: Uint8Array;
  read: number;
  /** Of {@link RESUMING}: what was written. */
  readonly written: Uint8Array[];
  size: number;
}

/** The step from one state towards another, as the kernel goes (`vfio_mig_get_next_state` in `drivers/vfio/vfio_main.c`). */
const steps = new Map<number, ReadonlyMap<number, number>>([
  [
    RUNNING,
    new Map([
      [STOP, STOP],
      [STOP_COPY, STOP],
      [RESUMING, STOP],
    ]),
  ],
  [
    STOP,
    new Map([
      [RUNNING, RUNNING],
      [STOP_COPY, STOP_COPY],
      [RESUMING, RESUMING],
    ]),
  ],
  [
    STOP_COPY,
    new Map([
      [STOP, STOP],
      [RUNNING, STOP],
      [RESUMING, STOP],
    ]),
  ],
  [
    RESUMING,
    new Map([
      [STOP, STOP],
      [RUNNING, STOP],
      [STOP_COPY, STOP],
    ]),
  ],
]);

/**
 * A function's migration, as a client drives it: the states of `enum vfio_device_mig_state` without those of peer-to-peer and
 * pre-copy. A load that fails leaves {@link ERROR}, which a reset ends.
 */
export class MigrationControl {
  readonly #fn: HostedFunction;
  /** Most bytes of state that a client may write. */
  readonly #most: number;
  #state: number = RUNNING;
  #transfer: Transfer | undefined;

  constructor(fn: HostedFunction, most: number) {
    this.#fn = fn;
    this.#most = most;
  }

  /** Whether the model can save its state. */
  get supported(): boolean {
    return this.#fn.migration !== undefined;
  }

  /** Of `structures.migrationStates`. */
  get state(): number {
    return this.#state;
  }

  /** Bytes that are still to be read; about as many as there will be where nothing is saved yet, and none where nothing will be. */
  get size(): number {
    const { saved, read } = this.#transfer ?? { read: 0 };
    if (saved !== undefined) return saved.length - read;
    return this.#state === RUNNING || this.#state === STOP ? this.#migration().size() : 0;
  }

  /**
   * Goes to another state, through those between.
   *
   * @throws PciError `EINVAL` for a state that cannot be reached, and what the model says of a state that it cannot load
   */
  go(target: number): void {
    const migration = this.#migration();
    while (this.#state !== target) {
      const next = steps.get(this.#state)?.get(target);
      if (next === undefined)
        throw refusal("EINVAL", `migration state ${this.#state} does not lead to ${target}`);
      this.#step(migration, next);
    }
  }

  /**
   * The next bytes of the state.
   *
   * @returns at most `size` bytes; fewer at the end, and then none
   * @throws PciError `EINVAL` unless state is being saved
   */
  read(size: number): Uint8Array {
    const transfer = this.#transfer;
    if (this.#state !== STOP_COPY || transfer?.saved === undefined) {
      throw refusal("EINVAL", `state is read while it is saved, not in migration state ${this.#state}`);
    }
    const bytes = transfer.saved.subarray(transfer.read, transfer.read + size);
    transfer.read += bytes.length;
    return bytes;
  }

  /**
   * Takes more bytes of a state.
   *
   * @throws PciError `EINVAL` unless state is being loaded, `E2BIG` for more than a client may write
   */
  write(bytes: Uint8Array): void {
    const transfer = this.#transfer;
    if (this.#state !== RESUMING || transfer === undefined) {
      throw refusal("EINVAL", `state is written while it is loaded, not in migration state ${this.#state}`);
    }
    if (transfer.size + bytes.length > this.#most) {
      throw refusal("E2BIG", `a state of more than ${this.#most} bytes (the server's limits.migrationState)`);
    }
    transfer.written.push(bytes.slice());
    transfer.size += bytes.length;
  }

  /** The function was reset: it runs. */
  deviceReset(): void {
    if (this.#state === RUNNING) return;
    this.#transfer = undefined;
    this.#state = RUNNING;
    this.#migration().run();
  }

  #step(migration: HostedMigration, next: number): void {
    const from = this.#state;
    if (next === RUNNING) migration.run();
    else if (from === RUNNING) migration.stop();
    else if (next === STOP_COPY) this.#transfer = { saved: migration.save(), read: 0, written: [], size: 0 };
    else if (next === RESUMING) this.#transfer = { read: 0, written: [], size: 0 };
    else if (from === RESUMING) this.#load(migration);
    else this.#transfer = undefined;
    this.#state = next;
  }

  #load(migration: HostedMigration): void {
    const { written = [], size = 0 } = this.#transfer ?? {};
    this.#transfer = undefined;
    const state = new Uint8Array(size);
    let at = 0;
    for (const bytes of written) {
      state.set(bytes, at);
      at += bytes.length;
    }
    this.#state = ERROR;
    migration.load(state);
  }

  #migration(): HostedMigration {
    const { migration } = this.#fn;
    if (migration !== undefined) return migration;
    throw refusal("ENOTTY", "the model cannot save its state");
  }
}
