import { writeSync } from "node:fs";
import { constants } from "node:os";
import { irqKinds, isPciError } from "@userpci/interface";
import { structures } from "../protocol/index.ts";
import type { Connection } from "./connection.ts";

const { DATA_EVENTFD, DATA_NONE, ACTION_TRIGGER, ACTION_UNMASK } = structures.irqSetFlag;
const header = structures.irqSet;
const { EINVAL } = constants.errno;
/** Number of the kind by which the system wants the device back. */
const REQUEST = irqKinds.indexOf("req");
/** One event, as an eventfd takes it. */
const ONE = new Uint8Array(BigUint64Array.of(1n).buffer);

/** Vectors that follow each other, all with an eventfd or all without. */
interface Run {
  readonly start: number;
  readonly fds: number[];
  readonly connected: boolean;
}

/** Sets of interrupts as messages: the kernel's structure has descriptors in it, which go beside a message here. */
export class IrqMessages {
  readonly #connection: Connection;
  readonly #most: number;
  /** Of each kind's number, the vectors that may have an eventfd. */
  readonly #connected = new Map<number, Set<number>>();
  /** The eventfd of {@link REQUEST}, the user's. */
  #request: number | undefined;

  /** @param most descriptors that the server takes in one message */
  constructor(connection: Connection, most: number) {
    this.#connection = connection;
    this.#most = Math.max(1, most);
  }

  /**
   * The kernel's `VFIO_DEVICE_SET_IRQS`.
   *
   * @param argument a `struct vfio_irq_set` with what follows it
   * @throws PciError as {@link Connection.call}
   */
  set(argument: Uint8Array): void {
    const values = header.read(argument);
    const data = argument.subarray(header.size);
    if ((values.flags & DATA_EVENTFD) === 0) {
      this.#connection.call("setIrqs", { ...values, argsz: header.size + data.length }, data);
      if (values.count === 0) this.#connected.delete(values.index);
      if (values.count === 0 && values.index === REQUEST) this.#request = undefined;
      return;
    }
    const fds = new Int32Array(data.slice().buffer);
    const runs = this.#runs(values.start, fds);
    const done: Run[] = [];
    try {
      for (const run of runs) {
        const isNeedless = runs.length > 1 && !run.connected && !this.#mayHave(values.index, run);
        if (run.connected) this.#note(values.index, run);
        this.#send(values, run, isNeedless);
        done.push(run);
      }
    } catch (error) {
      if (this.#connection.ended === undefined) this.#undo(values, done);
      throw error;
    }
    if (values.index === REQUEST) this.#request = fds[0] !== undefined && fds[0] >= 0 ? fds[0] : undefined;
  }

  /** Tells the user that the device is gone, as the kernel does where it sees an empty slot: nobody else wakes who waits. */
  request(): void {
    if (this.#request === undefined) return;
    try {
      writeSync(this.#request, ONE);
    } catch {
      // Nobody reads it any more.
    }
    this.#request = undefined;
  }

  /** @param isNeedless whether it asks for what is so already: libvfio-user's server cannot disconnect single vectors */
  #send({ flags, index }: { flags: number; index: number }, run: Run, isNeedless = false): void {
    const values = { argsz: header.size, flags, index, start: run.start, count: run.fds.length };
    try {
      this.#connection.call("setIrqs", values, undefined, run.connected ? run.fds : []);
    } catch (error) {
      if (!isNeedless || !isPciError(error) || error.errno !== -EINVAL) throw error;
    }
  }

  #note(index: number, { start, fds }: Run): void {
    const vectors = this.#connected.get(index) ?? new Set();
    this.#connected.set(index, vectors);
    for (let i = 0; i < fds.length; i++) vectors.add(start + i);
  }

  #mayHave(index: number, { start, fds }: Run): boolean {
    const vectors = this.#connected.get(index);
    return fds.some((_, i) => vectors?.has(start + i));
  }

  /** Nothing is to be left half connected. */
  #undo(values: { flags: number; index: number; start: number }, done: readonly Run[]): void {
    const connected = done.filter((run) => run.connected);
    if (connected.length === 0) return;
    const disables = values.start === 0 && (values.flags & ACTION_UNMASK) === 0;
    if (!disables) {
      for (const run of connected) this.#send(values, { ...run, connected: false });
      return;
    }
    const { index } = values;
    const flags = DATA_NONE | ACTION_TRIGGER;
    this.#connection.call("setIrqs", { argsz: header.size, flags, index, start: 0, count: 0 });
  }

  /** A message has eventfds for all of its vectors or for none, and no more than the server takes. */
  #runs(start: number, fds: Int32Array): Run[] {
    const runs: Run[] = [];
    fds.forEach((fd, i) => {
      const connected = fd >= 0;
      const last = runs.at(-1);
      const joins = last?.connected === connected && !(connected && last.fds.length >= this.#most);
      if (joins) last.fds.push(fd);
      else runs.push({ start: start + i, fds: [fd], connected });
    });
    return runs;
  }
}
