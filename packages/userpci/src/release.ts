import { formatValue, PciError } from "@userpci/interface";
import { type IrqDevice, Irqs, type Subscription } from "@userpci/irq";

/** What is done when the system wants a device back: close it in time, or only tell the listeners. */
export const releasePolicies = ["close", "keep"] as const;

/** One of {@link releasePolicies}. */
export type ReleasePolicy = (typeof releasePolicies)[number];

/** Longest wait in milliseconds for listeners, before the device is closed all the same. */
export const RELEASE_GRACE_MS = 1000;

/**
 * That the system wants a device back (row R18): it is to be unplugged, removed, or bound to another driver, and that waits
 * until the device is closed.
 */
export interface ReleaseRequest {
  /** PCI address, or what the backend was given. */
  readonly address: string;
  /** How often it was asked for by now. The kernel asks again every 10 s (`vfio_unregister_group_dev` in `drivers/vfio/vfio_main.c`). */
  readonly requests: number;
  /** Milliseconds after which the device is closed at the latest; undefined if it is kept. */
  readonly closesInMs: number | undefined;
}

/** Told of a {@link ReleaseRequest}. The device is closed when the promises of all of them have settled. */
export type ReleaseListener = (request: ReleaseRequest) => void | Promise<void>;

/** What a {@link ReleaseWatch} watches. */
export interface Releasable {
  readonly address: string;
  close(): Promise<void>;
}

/** Listens to the system's request for a device, and closes the device in time unless it is to be kept. */
export class ReleaseWatch {
  readonly #address: string;
  readonly #policy: ReleasePolicy;
  /** Weak, so that a device that was left open can be collected, and its leak be told of. */
  readonly #device: WeakRef<Releasable>;
  readonly #irqs: Irqs;
  readonly #listeners = new Set<{ readonly call: ReleaseListener }>();
  #requests = 0;
  #closing = false;

  /**
   * @param source tells of requests by its kind `req`, if it has one
   * @throws PciError what the backend says of its interrupts
   */
  constructor(device: Releasable, source: IrqDevice, policy: ReleasePolicy) {
    this.#address = device.address;
    this.#policy = policy;
    this.#device = new WeakRef(device);
    this.#irqs = new Irqs(source);
    if (this.#irqs.info("req").count === 0) return;
    const vector = this.#irqs.enable("req").at(0);
    vector.on((count) => this.#asked(count));
    vector.ref(false);
  }

  /** How often the device was asked for. */
  get requests(): number {
    return this.#requests;
  }

  /** Tells `listener` from now on. @throws PciError `ERR_INVALID_ARGUMENT` */
  on(listener: ReleaseListener): Subscription {
    if (typeof listener !== "function") {
      throw new PciError(
        "ERR_INVALID_ARGUMENT",
        `a listener must be a function, not ${formatValue(listener)}`,
        {
          hint: "device.onRelease(async () => { … })",
        },
      );
    }
    const entry = { call: listener };
    this.#listeners.add(entry);
    const close = (): void => void this.#listeners.delete(entry);
    return { close, [Symbol.dispose]: close };
  }

  /** Listens no more. Harmless twice. */
  close(): void {
    this.#irqs.close();
  }

  #asked(count: number): void {
    this.#requests += count;
    const closes = this.#policy === "close";
    if (this.#listeners.size === 0) warn(this.#address, closes ? "; it is closed" : ", and kept");
    const request: ReleaseRequest = {
      address: this.#address,
      requests: this.#requests,
      closesInMs: closes ? RELEASE_GRACE_MS : undefined,
    };
    const answers = [...this.#listeners].map(async ({ call }) => call(request));
    for (const answer of answers) answer.catch(throwLater);
    if (closes && !this.#closing) void this.#closeAfter(answers);
  }

  async #closeAfter(answers: readonly Promise<void>[]): Promise<void> {
    this.#closing = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, RELEASE_GRACE_MS);
    });
    await Promise.race([Promise.allSettled(answers), late]);
    clearTimeout(timer);
    try {
      await this.#device.deref()?.close();
    } catch (error) {
      // The kernel asks again.
      this.#closing = false;
      warn(this.#address, `, and could not be closed: ${String(error)}`);
    }
  }
}

/** @throws PciError `ERR_INVALID_ARGUMENT` */
export function checkReleasePolicy(policy: ReleasePolicy): ReleasePolicy {
  if (releasePolicies.includes(policy)) return policy;
  throw new PciError(
    "ERR_INVALID_ARGUMENT",
    `release must be ${releasePolicies.join(" or ")}, not ${formatValue(policy)}`,
    { hint: 'openDevice(address, { release: "keep" })' },
  );
}

function warn(address: string, what: string): void {
  process.emitWarning(`the system wants ${address} back (unplug, removal or another driver)${what}`, {
    code: "USERPCI_RELEASE",
    detail: "device.onRelease(listener) tells the program instead of this warning.",
  });
}

/** As an event's listener: what it throws is nobody's to catch. */
function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
