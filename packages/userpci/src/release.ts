import { type BackendDevice, formatValue, PciError } from "@userpci/interface";
import { type IrqDevice, throwLater } from "@userpci/irq";
import { EventWatch } from "./event-watch.ts";

/** What is done when the system wants a device back: close it in time, or only tell the listeners. */
export const releasePolicies = ["close", "keep"] as const;

/** One of {@link releasePolicies}. */
export type ReleasePolicy = (typeof releasePolicies)[number];

/** Longest wait in milliseconds for listeners before the device is closed all the same, and until a refused close is tried again. */
export const RELEASE_GRACE_MS = 1000;

/**
 * That the system wants a device back (row R18): it is to be unplugged, removed, or bound to another driver, and that waits
 * until the device is closed. Or that it is lost already.
 */
export interface ReleaseRequest {
  /** PCI address, or what the backend was given. */
  readonly address: string;
  /** How often it was asked for by now. The kernel asks again every 10 s (`vfio_unregister_group_dev` in `drivers/vfio/vfio_main.c`). */
  readonly requests: number;
  /** Milliseconds after which the device is closed at the latest; undefined if it is kept. */
  readonly closesInMs: number | undefined;
  /** Why it cannot be reached any more, such as what its vfio-user server did; undefined where it still can be, or nobody knows. */
  readonly cause: PciError | undefined;
}

/**
 * Told of a {@link ReleaseRequest}. The device is closed when the promises of all of them have settled. One that throws or
 * rejects does not keep it open; the error is then an uncaught one, as from any event's listener.
 */
export type ReleaseListener = (request: ReleaseRequest) => void | Promise<void>;

/** What can be closed on request. */
export interface Releasable {
  readonly closed: boolean;
  close(): Promise<void>;
}

type ReleasedBackend = IrqDevice & Releasable & Pick<BackendDevice, "lost">;

/** Listens to the system's request for a device, and closes the device in time unless it is to be kept. */
export class ReleaseWatch extends EventWatch<ReleaseRequest, void | Promise<void>> {
  readonly #backend: ReleasedBackend;
  readonly #policy: ReleasePolicy;
  /** Weak: who left a device open, and has no listener that holds it, is told of the leak when it is collected. */
  readonly #device: WeakRef<Releasable>;
  #requests = 0;
  #closing = false;

  /**
   * @param device is closed on request
   * @param backend tells of requests by its kind `req`, if it has one; is closed itself where nobody has the device any more
   * @param isTaken see {@link EventWatch}. The kernel asks again for what was asked for meanwhile
   * @throws PciError what the backend says of its interrupts
   */
  constructor(device: Releasable, backend: ReleasedBackend, policy: ReleasePolicy, isTaken: () => boolean) {
    super("req", backend, isTaken);
    this.#backend = backend;
    this.#policy = policy;
    this.#device = new WeakRef(device);
    this.start();
  }

  protected override heard(count: number): void {
    this.#requests += count;
    const closes = this.#policy === "close";
    const isHeard = this.listeners.size > 0;
    const answers = this.listeners.emit({
      address: this.#backend.address,
      requests: this.#requests,
      closesInMs: closes ? RELEASE_GRACE_MS : undefined,
      cause: this.#backend.lost,
    });
    const settled = Promise.all(answers.map((answer) => Promise.resolve(answer).catch(throwLater)));
    if (!closes) {
      if (!isHeard) this.#warn(", and it is kept");
    } else if (!this.#closing) {
      this.#closing = true;
      void this.#closeAfter(settled, isHeard);
    }
  }

  async #closeAfter(settled: Promise<unknown>, isHeard: boolean): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, RELEASE_GRACE_MS);
    });
    await Promise.race([settled, late]);
    clearTimeout(timer);
    await this.#closeDevice(isHeard);
  }

  async #closeDevice(isHeard: boolean): Promise<void> {
    const device = this.#device.deref() ?? this.#backend;
    try {
      await device.close();
      if (!isHeard) this.#warn("; it was closed");
    } catch (error) {
      this.#warn(`; it ${device.closed ? "was closed, but" : "cannot be closed yet"}: ${String(error)}`);
      if (!device.closed) setTimeout(() => void this.#closeDevice(isHeard), RELEASE_GRACE_MS).unref();
    }
  }

  #warn(what: string): void {
    const { address, lost } = this.#backend;
    const who =
      lost === undefined
        ? `the system wants ${address} back (unplug, removal or another driver)`
        : `${address} is lost: ${lost.message}`;
    process.emitWarning(`${who}${what}`, {
      code: "USERPCI_RELEASE",
      detail: "device.onRelease(listener) tells the program of it.",
    });
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
