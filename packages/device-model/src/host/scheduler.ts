import { checkInteger, isPciError } from "@userpci/interface";
import type { ModelTime, Pause, Task } from "../model.ts";
import type { FaultHandler } from "./fault.ts";
import { SleepQueue } from "./sleep-queue.ts";
import { Waker } from "./waker.ts";

/** Longest sleep in microseconds: some 35 years. */
const LONGEST_SLEEP = 2 ** 50;
/**
 * Turns of the event loop that follow at once after the last access: then a device that goes on for ever is let run at the
 * pace of the wall's clock, and does not keep the process alive.
 */
const QUICK_TURNS = 100_000;
/** The same for looks at memory that drivers write to. */
const QUICK_POLLS = 1000;
/** Milliseconds between two looks at memory that drivers write to, once it has been quiet. */
const IDLE_POLL_MS = 1;

/** Taken when this module is loaded: a test that fakes the clock of its driver does not stop the devices. In milliseconds. */
const clock = performance.now.bind(performance);

/** A task that has not ended. */
interface Running {
  readonly task: Task;
  isEnded: boolean;
  /** Whether its code runs now. */
  isActive: boolean;
}

/** What a scheduler needs to know. */
export interface SchedulerOptions {
  readonly virtual: boolean;
  readonly onFault: FaultHandler;
  /** Looks for what drivers have written to memory, see `ModelInstance.poll`; undefined if there is nothing to look for. */
  readonly poll: () => (() => boolean) | undefined;
}

/**
 * Runs the tasks of a device. In virtual time a microsecond passes with every access and step, and when nobody calls, time
 * goes on to whatever is next, from the event loop; the order of events is the same in every run. While it is halted, no
 * task runs and no virtual time passes.
 */
export class Scheduler implements ModelTime {
  readonly #options: SchedulerOptions;
  readonly #running = new Set<Running>();
  readonly #sleeping = new SleepQueue<() => void>();
  readonly #waker = new Waker(() => this.#wake());
  #origin = clock();
  #ready: Running[] = [];
  #now = 0;
  #turns = 0;
  /** How deep this is in accesses and tasks. */
  #depth = 0;
  #isHalted = true;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Whether tasks wait for time to pass. */
  get pending(): boolean {
    return !this.#isHalted && (this.#sleeping.size > 0 || this.#ready.length > 0);
  }

  get halted(): boolean {
    return this.#isHalted;
  }

  now(): number {
    return this.#options.virtual ? this.#now : Math.floor((clock() - this.#origin) * 1000);
  }

  /** The time goes on from here. */
  setNow(us: number): void {
    this.#now = us;
    this.#origin = clock() - us / 1000;
  }

  *sleep(us: number): Task {
    checkInteger("us", Math.ceil(us), 0, LONGEST_SLEEP);
    yield { begin: (resume) => this.#sleeping.add(this.now() + Math.ceil(us), resume) };
  }

  /** Starts a task: until its first pause at once, or when this is resumed. */
  run(task: Task): void {
    const running: Running = { task, isEnded: false, isActive: false };
    this.#running.add(running);
    if (this.#isHalted) {
      this.#ready.push(running);
      return;
    }
    this.#depth++;
    try {
      this.#advance(running);
    } finally {
      this.#depth--;
    }
    this.#arrange();
  }

  /** Ends every task, without a word to it but its `finally`. */
  endAll(): void {
    const tasks = [...this.#running];
    this.#running.clear();
    this.#sleeping.clear();
    this.#ready = [];
    for (const running of tasks) this.#end(running);
    this.#arrange();
  }

  halt(): void {
    this.#isHalted = true;
    this.#arrange();
  }

  resume(): void {
    this.#isHalted = false;
    this.#turns = 0;
    this.#arrange();
  }

  /** An access of a driver begins: what is due by now has happened before it. Each is followed by {@link leave}. */
  enter(): void {
    if (this.#depth++ > 0 || this.#isHalted) return;
    this.#turns = 0;
    this.#now++;
    if (this.pending) this.#runDue();
  }

  /** An access of a driver has ended: what it set off goes on. */
  leave(): void {
    if (--this.#depth > 0 || this.#isHalted) return;
    if (this.#ready.length > 0) this.#runDue();
    this.#arrange();
  }

  /** @returns whether something was done; nothing is in an access, nor in another step */
  step(): boolean {
    if (this.#depth > 0 || this.#isHalted) return false;
    this.#turns = 0;
    this.#now++;
    const hasRun = this.#runDue();
    const hasFound = this.#poll();
    this.#arrange();
    return hasRun || hasFound;
  }

  close(): void {
    this.halt();
    this.endAll();
    this.#waker.close();
  }

  /** From the event loop: nobody has called. */
  #wake(): void {
    if (this.#isHalted) return;
    this.#turns++;
    const next = this.#sleeping.due;
    if (this.#ready.length === 0 && next !== undefined && this.#options.virtual) {
      this.#now = Math.max(this.#now, next);
    }
    this.#runDue();
    if (this.#poll()) this.#turns = 0;
    this.#arrange();
  }

  /** Runs what is due, but not what that puts off to the same moment. */
  #runDue(): boolean {
    for (const resume of this.#sleeping.takeUntil(this.now())) resume();
    const ready = this.#ready;
    if (ready.length === 0) return false;
    this.#ready = [];
    this.#depth++;
    try {
      for (const running of ready) {
        // One of them may have had the device halted.
        if (this.#isHalted) this.#ready.push(running);
        else this.#advance(running);
      }
    } finally {
      this.#depth--;
    }
    return true;
  }

  #poll(): boolean {
    const poll = this.#options.poll();
    if (poll === undefined) return false;
    this.#depth++;
    try {
      return poll();
    } finally {
      this.#depth--;
    }
  }

  #advance(running: Running): void {
    for (;;) {
      if (running.isEnded) return;
      let pause: Pause;
      running.isActive = true;
      try {
        const result = running.task.next();
        if (result.done) {
          this.#forget(running);
          return;
        }
        pause = result.value;
      } catch (error) {
        this.#forget(running);
        // What a driver has not mapped is the driver's fault: the bus aborts the request, and the device goes no further.
        if (!isPciError(error, "ERR_DMA_FAULT")) this.#options.onFault(error);
        return;
      } finally {
        running.isActive = false;
      }
      if (!this.#wait(running, pause)) return;
    }
  }

  /** @returns whether it goes on at once */
  #wait(running: Running, pause: Pause): boolean {
    let isBeginning = true;
    let isResumed = false;
    const resume = (): void => {
      if (isResumed) return;
      isResumed = true;
      if (!isBeginning) this.#resumeLater(running);
    };
    try {
      pause.begin(resume);
    } catch (error) {
      this.#forget(running);
      this.#options.onFault(error);
      return false;
    }
    isBeginning = false;
    return isResumed;
  }

  /** It never goes on inside what resumes it, which may be a handler or another task. */
  #resumeLater(running: Running): void {
    if (running.isEnded) return;
    this.#ready.push(running);
    this.#arrange();
  }

  #forget(running: Running): void {
    running.isEnded = true;
    this.#running.delete(running);
  }

  #end(running: Running): void {
    running.isEnded = true;
    // A task may be resetting its own device: it cannot be ended before it pauses, and is not gone on with then.
    if (running.isActive) return;
    try {
      running.task.return();
    } catch (error) {
      this.#options.onFault(error);
    }
  }

  /** Has the event loop call when there is something to do. */
  #arrange(): void {
    if (this.#depth > 0) return;
    const { due } = this.#sleeping;
    const polls = this.#options.poll() !== undefined;
    const isHolding = !this.#options.virtual && due !== undefined;
    if (this.#isHalted) this.#waker.cancel();
    else if (this.#ready.length > 0) this.#waker.soon();
    else if (this.#options.virtual && due !== undefined && this.#turns < QUICK_TURNS) this.#waker.soon();
    else if (polls && this.#turns < QUICK_POLLS) this.#waker.soon();
    else if (polls) this.#wakeAt(Math.min(due ?? Infinity, this.now() + 1000 * IDLE_POLL_MS), isHolding);
    else this.#wakeAt(due, isHolding);
  }

  #wakeAt(due: number | undefined, isHolding: boolean): void {
    if (due === undefined) this.#waker.cancel();
    else this.#waker.after((due - this.now()) / 1000, isHolding);
  }
}
