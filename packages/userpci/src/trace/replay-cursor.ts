import { DeviceGoneError, PciError } from "@userpci/interface";
import { tracePrinter } from "./print.ts";
import type {
  CallEvent,
  InterruptEvent,
  Json,
  MemoryEvent,
  ResultEvent,
  TracedError,
  TraceEvent,
} from "./trace-event.ts";

/** What happens by itself, to one device of a replay. */
export interface ReplayedDevice {
  write(event: MemoryEvent): void;
  /** @param arrive to be called before a listener is: it lets memory be as it was then */
  interrupt(event: InterruptEvent, arrive: () => void): void;
}

type ByItself = MemoryEvent | InterruptEvent | ResultEvent;

const print = tracePrinter();

/** Turns of the event loop that a driver has for what it does while its device is being closed. */
const PATIENCE = 10;

/** Where a replay is: hands out one event after the other to a driver that has to do what they say. */
export class ReplayCursor {
  readonly #events: readonly TraceEvent[];
  readonly #devices: ReplayedDevice[] = [];
  readonly #pending = new Map<number, (error: TracedError | undefined) => void>();
  /** Changes of memory that the recording has before what comes next, and that did not happen yet. */
  readonly #changes: (MemoryEvent & TraceEvent)[] = [];
  /** Number of changes that have happened. */
  #changed = 0;
  /** Of each interrupt whose listener was not called yet, the number of changes before it. */
  readonly #interrupts: number[] = [];
  #at = 0;
  #failure: PciError | undefined;

  constructor(events: readonly TraceEvent[]) {
    this.#events = events;
  }

  /** Whether a driver did something else than the recording has: nothing that it does fits any more. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** How many events are over. */
  get position(): number {
    return this.#at;
  }

  /** How many there are. */
  get length(): number {
    return this.#events.length;
  }

  /** Number of the device that is opened next. */
  get devices(): number {
    return this.#devices.length;
  }

  /** Lets the device that was opened take part. */
  add(device: ReplayedDevice): void {
    this.#devices.push(device);
    this.#goOn();
  }

  /**
   * The next event, which the driver has just caused.
   *
   * @param what the driver did, for the message
   * @param matches whether the event is that
   * @throws PciError `ERR_REPLAY` if it is not
   */
  take<E extends TraceEvent>(what: string, matches: (event: TraceEvent) => event is E): E {
    const event = this.#events[this.#at];
    if (event === undefined || !matches(event)) throw this.#mismatch(what, event);
    this.#at += 1;
    this.#change();
    return event;
  }

  /** Lets happen what comes by itself after the event that was taken. */
  goOn(): void {
    this.#goOn();
  }

  /** A call: gives what it gave, and throws what it threw. */
  call(device: number, method: string, args: readonly Json[]): Json | undefined {
    const event = this.#takeCall(device, method, args);
    this.#goOn();
    if (event.error !== undefined) throw errorOf(event.error);
    return event.result;
  }

  /** A call that gives a promise: settles when and as it did. */
  callAsync(device: number, method: string, args: readonly Json[]): Promise<void> {
    const { pending, error } = this.#takeCall(device, method, args);
    if (error !== undefined || pending === undefined) {
      this.#goOn();
      return error === undefined ? Promise.resolve() : Promise.reject(errorOf(error));
    }
    const settled = new Promise<void>((resolve, reject) => {
      this.#pending.set(pending, (thrown) => (thrown === undefined ? resolve() : reject(errorOf(thrown))));
    });
    this.#goOn();
    return settled;
  }

  /**
   * `relax()`. A driver that waits for memory may call it once more than then, when its device was done between two looks: that
   * lets the memory change that it waits for.
   */
  relax(device: number): void {
    const event = this.#events[this.#at];
    const isNext = event !== undefined && isCall(event, device, "relax", []);
    if (isNext || !this.#change()) this.call(device, "relax", []);
  }

  /**
   * Waits while a device is being closed: what the driver did meanwhile comes before its memory is unmapped. Not for long, as it
   * may not do that now.
   */
  async untilUnmapping(): Promise<void> {
    for (let turn = 0; turn < PATIENCE && this.#pending.size > 0; turn++) {
      if (this.#events[this.#at]?.kind === "unmap") return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The error of a call by this name, if that is what comes next. Taken then. */
  refusal(device: number, method: string, args: readonly Json[]): PciError | undefined {
    const event = this.#events[this.#at];
    const isRefusal = event !== undefined && isCall(event, device, method, args) && event.error !== undefined;
    if (!isRefusal) return undefined;
    this.#at += 1;
    this.#change();
    this.#goOn();
    return errorOf(event.error!);
  }

  /** @throws PciError `ERR_REPLAY` if something of the recording did not happen, or something else did: the first such thing */
  assertEnded(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const event = this.#events[this.#at];
    if (event !== undefined) throw this.#mismatch("nothing more", event);
  }

  #takeCall(device: number, method: string, args: readonly Json[]): CallEvent {
    const what = `${method}(${args.map((arg) => JSON.stringify(arg)).join(", ")})`;
    return this.take(what, (event): event is TraceEvent & CallEvent => isCall(event, device, method, args));
  }

  #goOn(): void {
    for (;;) {
      const event = this.#events[this.#at];
      if (event === undefined || !isByItself(event)) break;
      this.#at += 1;
      this.#happen(event);
    }
    this.#changeLater();
  }

  #happen(event: ByItself & TraceEvent): void {
    if (event.kind === "result") {
      this.#change();
      this.#pending.get(event.pending)?.(event.error);
      this.#pending.delete(event.pending);
    } else if (event.kind === "interrupt") this.#interrupt(event);
    else {
      this.#changes.push(event);
      if (event.kind === "answer") this.#change();
    }
  }

  /** Memory is as it was when the listener is called, and does not go on before. */
  #interrupt(event: InterruptEvent & TraceEvent): void {
    const number = this.#changed + this.#changes.length;
    this.#interrupts.push(number);
    this.#devices[event.device]?.interrupt(event, () => {
      this.#interrupts.splice(this.#interrupts.indexOf(number), 1);
      this.#change(number - this.#changed);
      this.#changeLater();
    });
  }

  /** When the driver gives up its turn, the changes happen that there are now; until then it has what it had, and may write. */
  #changeLater(): void {
    if (this.#changes.length === 0) return;
    const number = this.#changed + this.#changes.length;
    setImmediate(() => this.#change(Math.min(number, ...this.#interrupts) - this.#changed));
  }

  /** Lets the first changes happen. Default: all. @returns whether there were any */
  #change(count = this.#changes.length): boolean {
    const due = this.#changes.splice(0, Math.max(0, count));
    this.#changed += due.length;
    for (const event of due) this.#devices[event.device]?.write(event);
    return due.length > 0;
  }

  #mismatch(what: string, event: TraceEvent | undefined): PciError {
    const has = event === undefined ? "ends" : `has:${print(event).replace(/ +/g, " ")}`;
    const error = new PciError(
      "ERR_REPLAY",
      `event ${this.#at + 1} of ${this.#events.length}: the driver did ${what}, and the recording ${has}`,
      {
        hint: "record again if the driver was changed; if not, it depends on something that is not recorded: the clock, random numbers, other input",
        details: { position: this.#at },
      },
    );
    this.#failure ??= error;
    return error;
  }
}

function isByItself(event: TraceEvent): event is ByItself & TraceEvent {
  return ["memory", "answer", "interrupt", "result"].includes(event.kind);
}

function isCall(
  event: TraceEvent,
  device: number,
  method: string,
  args: readonly Json[],
): event is TraceEvent & CallEvent {
  return (
    event.kind === "call" &&
    event.device === device &&
    event.method === method &&
    JSON.stringify(event.args) === JSON.stringify(args)
  );
}

function errorOf({ code, message, hint }: TracedError): PciError {
  const options = hint === undefined ? {} : { hint };
  return code === "ERR_DEVICE_GONE"
    ? new DeviceGoneError(message, options)
    : new PciError(code, message, options);
}
