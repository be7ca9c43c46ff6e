import type { HostedFunction } from "@userpci/device-model";
import { type IrqKind, isPciError } from "@userpci/interface";
import { closeReceived, ReceivedEventfd } from "@userpci/vfio-native/socket";
import { refusal } from "./descriptors.ts";

/** The eventfds that a client has connected to its device's interrupts. They are closed when they are replaced, or it leaves. */
export class IrqLines {
  readonly #fn: HostedFunction;
  readonly #enabled = new Set<IrqKind>();
  readonly #sinks = new Map<string, ReceivedEventfd>();
  /** Those that unmask a vector when they are signalled. */
  readonly #unmasks = new Map<string, ReceivedEventfd>();

  constructor(fn: HostedFunction) {
    this.#fn = fn;
  }

  /**
   * Connects vectors to eventfds, or disconnects them.
   *
   * @param fds one a vector, this object's from now on; none disconnects
   * @throws PciError `ERR_INVALID_ARGUMENT` for what is no eventfd, and as `HostedFunction.setIrqs`; nothing is then changed
   */
  connect(kind: IrqKind, start: number, count: number, fds: readonly number[]): void {
    const sinks = open(fds);
    try {
      this.#fn.setIrqs(
        kind,
        start,
        Array.from({ length: count }, (_, i) => sinks[i] ?? null),
      );
    } catch (error) {
      closeAll(sinks);
      throw error;
    }
    this.#enabled.add(kind);
    for (let i = 0; i < count; i++) replace(this.#sinks, `${kind} ${start + i}`, sinks[i]);
  }

  /** Disables a kind, and disconnects all of it. */
  disable(kind: IrqKind): void {
    this.#fn.disableIrqs(kind);
    this.#enabled.delete(kind);
    this.#forget(`${kind} `);
  }

  /** Fires vectors; of those without an eventfd nobody hears. @param chosen which of them; all by default */
  trigger(kind: IrqKind, start: number, count: number, chosen?: Uint8Array): void {
    if (chosen === undefined) this.#fn.triggerIrqs(kind, start, count);
    else eachChosen(chosen, start, (vector) => this.#fn.triggerIrqs(kind, vector, 1));
  }

  mask(kind: IrqKind, start: number, count: number, chosen?: Uint8Array): void {
    if (chosen === undefined) this.#fn.maskIrqs(kind, start, count);
    else eachChosen(chosen, start, (vector) => this.#fn.maskIrqs(kind, vector, 1));
  }

  unmask(kind: IrqKind, start: number, count: number, chosen?: Uint8Array): void {
    if (chosen === undefined) this.#fn.unmaskIrqs(kind, start, count);
    else eachChosen(chosen, start, (vector) => this.#fn.unmaskIrqs(kind, vector, 1));
  }

  /**
   * Unmasks vectors when their eventfds are signalled; none ends that.
   *
   * @param fds as for {@link connect}
   * @throws PciError `EINVAL` while the kind is off, `EBUSY` while another eventfd does so, `EOPNOTSUPP` for a kind that cannot be masked, or with the system's code
   */
  unmaskBy(kind: IrqKind, start: number, count: number, fds: readonly number[]): void {
    const sources = open(fds);
    try {
      if (!this.#fn.irqInfo(kind).maskable) throw refusal("EOPNOTSUPP", `${kind} cannot be masked`);
      if (!this.#enabled.has(kind)) throw refusal("EINVAL", `${kind} is off`);
      const taken = sources.findIndex((_, i) => this.#unmasks.has(`${kind} ${start + i}`));
      if (taken >= 0) throw refusal("EBUSY", `an eventfd unmasks vector ${start + taken} of ${kind} already`);
      sources.forEach((source, i) => {
        source.onSignal(() => this.#unmaskIfThere(kind, start + i));
      });
    } catch (error) {
      closeAll(sources);
      throw error;
    }
    for (let i = 0; i < count; i++) replace(this.#unmasks, `${kind} ${start + i}`, sources[i]);
  }

  /** Closes every eventfd; the function's interrupts are off before. Harmless twice. */
  close(): void {
    this.#forget("");
  }

  /** Nobody waits for an answer, and nobody would catch an error: the function may be unplugged by now. */
  #unmaskIfThere(kind: IrqKind, vector: number): void {
    try {
      this.#fn.unmaskIrqs(kind, vector, 1);
    } catch (error) {
      if (!isPciError(error)) throw error;
    }
  }

  /** @param prefix of the keys */
  #forget(prefix: string): void {
    for (const eventfds of [this.#sinks, this.#unmasks]) {
      for (const key of [...eventfds.keys()]) if (key.startsWith(prefix)) replace(eventfds, key, undefined);
    }
  }
}

/** Takes descriptors, all of them or none. @throws PciError `ERR_INVALID_ARGUMENT`; all are then closed */
function open(fds: readonly number[]): ReceivedEventfd[] {
  const eventfds: ReceivedEventfd[] = [];
  fds.forEach((fd, i) => {
    try {
      eventfds.push(new ReceivedEventfd(fd));
    } catch (error) {
      closeAll(eventfds);
      for (const rest of fds.slice(i + 1)) closeReceived(rest);
      throw error;
    }
  });
  return eventfds;
}

function closeAll(eventfds: readonly ReceivedEventfd[]): void {
  for (const eventfd of eventfds) eventfd.close();
}

function replace(eventfds: Map<string, ReceivedEventfd>, key: string, by: ReceivedEventfd | undefined): void {
  eventfds.get(key)?.close();
  if (by === undefined) eventfds.delete(key);
  else eventfds.set(key, by);
}

function eachChosen(chosen: Uint8Array, start: number, work: (vector: number) => void): void {
  chosen.forEach((byte, i) => {
    if (byte !== 0) work(start + i);
  });
}
