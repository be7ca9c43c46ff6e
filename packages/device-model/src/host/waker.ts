/** Taken when this module is loaded: a test that fakes the timers of its driver does not stop the devices. */
const { setTimeout, clearTimeout, MessageChannel } = globalThis;

/** What Node adds to the ports and timers of the web: whether they keep the process alive. */
interface Holding {
  ref?(): unknown;
  unref?(): unknown;
}

/** A port as browsers and Node both have it. */
interface Port extends Holding {
  onmessage: (() => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

/** A channel as both have it. */
interface Channel {
  readonly port1: Port;
  readonly port2: Port;
}

/**
 * Calls back from the event loop, once for each order; a later order replaces the one before. Less than a millisecond is
 * not waited with a timer, which would round it up, but by asking the event loop again.
 */
export class Waker {
  readonly #callback: () => void;
  #channel: Channel | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isPosted = false;
  #isWanted = false;

  constructor(callback: () => void) {
    this.#callback = callback;
  }

  /** In the next turn of the event loop. The process stays alive until then. */
  soon(): void {
    this.#clearTimer();
    this.#isWanted = true;
    this.#channel ??= this.#open();
    this.#channel.port1.ref?.();
    if (this.#isPosted) return;
    this.#isPosted = true;
    this.#channel.port2.postMessage(0);
  }

  /** After some milliseconds, or soon for less than one. @param isHolding whether the process stays alive until then */
  after(ms: number, isHolding: boolean): void {
    if (ms < 1 && isHolding) {
      this.soon();
      return;
    }
    this.cancel();
    // Timers take no more than 31 bits.
    this.#timer = setTimeout(() => this.#fire(), Math.min(ms, 0x7fff_ffff));
    if (!isHolding) (this.#timer as Holding).unref?.();
  }

  cancel(): void {
    this.#clearTimer();
    this.#isWanted = false;
    this.#channel?.port1.unref?.();
  }

  close(): void {
    this.cancel();
    this.#channel?.port1.close();
    this.#channel = undefined;
    this.#isPosted = false;
  }

  #open(): Channel {
    // The types at hand are Node's, which know ports by their events only.
    const channel = new MessageChannel() as unknown as Channel;
    channel.port1.onmessage = () => {
      this.#isPosted = false;
      channel.port1.unref?.();
      if (this.#isWanted) this.#fire();
    };
    return channel;
  }

  #fire(): void {
    this.#timer = undefined;
    this.#isWanted = false;
    this.#callback();
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
