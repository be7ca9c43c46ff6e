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
  /** Where an interrupt comes to; undefined if the device has no such target. */
  target(number: number): ReplayedTarget | undefined;
}

/** What interrupts of a replay come to. */
export interface ReplayedTarget {
  /** Whether it is open, and nobody listens: an interrupt waits for that. */
  readonly silent: boolean;
  deliver(count: number): void;
}

type ByItself = MemoryEvent | InterruptEvent | ResultEvent;

const kindsByThemselves: ReadonlySet<string> = new Set(["memory", "answer", "interrupt", "result"]);

const print = tracePrinter();

/** Turns of the event loop that a driver has for what it does while its device is being closed. */
const PATIENCE = 10;

/** Where a replay is: hands out one event after the other to a driver that has to do what they say. */
export class ReplayCursor {
  readonly #events: readonly TraceEvent[];
  readonly #devices: ReplayedDevice[] = [];
  readonly #pending = new Map<number, (error: TracedError | undefined) => void>();
  /** The events before this one have happened; from here to {@link #at} is what came by itself, and did not yet. */
  #due = 0;
  #scheduled = false;
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
    this.#pass();
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
    if (!isNext && this.#isDue("memory")) this.#overtake();
    else this.call(device, "relax", []);
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
    this.#pass();
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
      if (event.kind === "answer") this.#overtake();
    }
    this.schedule();
  }

  /** Goes on when the driver has given up its turn: until then it has what it had before, and may write. */
  schedule(): void {
    if (this.#scheduled || this.#due === this.#at) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  /** Lets memory change up to the first thing that the driver is told of: it then finds memory as it was. */
  #turn(): void {
    while (this.#due < this.#at) {
      const event = this.#events[this.#due]!;
      if (event.kind === "interrupt" && this.#waitsForListener(event)) return;
      this.#due += 1;
      this.#happen(event);
      if (event.kind === "interrupt" || event.kind === "result") break;
    }
    this.schedule();
  }

  /** A driver that waits for the result of a call may listen only after that. */
  #waitsForListener(event: InterruptEvent & TraceEvent): boolean {
    const isSilent = this.#targetOf(event)?.silent ?? false;
    return isSilent && !this.#isDue("result");
  }

  #isDue(wanted: ByItself["kind"]): boolean {
    for (let at = this.#due; at < this.#at; at++) if (this.#events[at]!.kind === wanted) return true;
    return false;
  }

  /** The driver does what comes next, without waiting: all before it has happened. */
  #pass(): void {
    this.#overtake();
    this.#at += 1;
    this.#due = this.#at;
  }

  #overtake(): void {
    while (this.#due < this.#at) this.#happen(this.#events[this.#due++]!);
  }

  #happen(event: TraceEvent): void {
    if (event.kind === "result") {
      this.#pending.get(event.pending)?.(event.error);
      this.#pending.delete(event.pending);
    } else if (event.kind === "interrupt") this.#targetOf(event)?.deliver(event.count);
    else if (event.kind === "memory" || event.kind === "answer") this.#devices[event.device]?.write(event);
  }

  #targetOf({ device, target }: InterruptEvent & TraceEvent): ReplayedTarget | undefined {
    return this.#devices[device]?.target(target);
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
  return kindsByThemselves.has(event.kind);
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
