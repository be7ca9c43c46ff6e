import type { HostedFunction } from "@userpci/device-model";
import { checkChoice, checkMethods, checkNames, checkType, isPciError, PciError } from "@userpci/interface";
import type { FrameListener, FrameSocket } from "@userpci/vfio-native/socket";
import { Deadline } from "../deadline.ts";
import { limits as protocol } from "../protocol/index.ts";
import { BlockingPump } from "./blocking-pump.ts";
import type { Served } from "./client-device.ts";
import { refusal } from "./descriptors.ts";
import { type Hosting, hostingOf } from "./hosting.ts";
import { limitsOf, type ServerLimits } from "./limits.ts";
import { guarded, LoopPump } from "./loop-pump.ts";
import type { Servable, ServeOptions, Server, ServerEvent } from "./options.ts";
import { Session } from "./session.ts";
import { absolute, listen, servedPaths } from "./socket-path.ts";

/** How long to wait before the next client where there was no descriptor left for one, in milliseconds. */
const RETRY_MS = 100;
/** Those of this thread, whose files go with it. */
const listeners = new Set<FrameListener>();

/** Removes the files at the end of the process, however many servers there are. */
let removesFiles = false;

/** Clients that are being refused at one time; further ones wait. */
const MOST_REFUSED = 16;

/**
 * Serves a function to vfio-user clients: other processes, virtual machines, on this machine.
 *
 * @param servable a model, a function that makes one, or a function that is hosted already
 * @throws PciError (rejects with) `ERR_BUSY` if another server listens there, `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`,
 * `ERR_NATIVE_UNAVAILABLE`, or with the system's code; what is wrong with a model
 */
export async function serve(servable: Servable, options: ServeOptions): Promise<Server> {
  checkOptions(options);
  if (options.mode === "blocking" && options.clients === "many") {
    throw new PciError("ERR_INVALID_ARGUMENT", "a thread that waits for one client cannot serve many", {
      hint: 'leave mode: "blocking" out, or serve with a process for each client',
    });
  }
  return new SocketServer(servable, options);
}

/** All that it may be asked for. */
const optionNames: Readonly<Record<keyof ServeOptions, true>> = {
  path: true,
  mode: true,
  clients: true,
  whenBusy: true,
  limits: true,
  access: true,
  twinSocket: true,
  time: true,
  dma: true,
  ref: true,
  onEvent: true,
};

function checkOptions(options: ServeOptions): void {
  checkType("options", options, "object", 'pass { path: "/run/user/1000/edu.sock" }');
  checkNames("serve", options, optionNames);
  checkType("path", options.path, "string", 'pass a path, such as "/run/user/1000/edu.sock"');
  checkChoice("mode", options.mode, ["event-loop", "blocking"]);
  checkChoice("clients", options.clients, ["one", "many"]);
  checkChoice("whenBusy", options.whenBusy, ["wait", "refuse"]);
  checkChoice("access", options.access, ["owner", "all"]);
  checkChoice("time", options.time, ["virtual", "real"]);
  const { twinSocket, ref, onEvent, dma } = options;
  if (twinSocket !== undefined) checkType("twinSocket", twinSocket, "boolean");
  if (ref !== undefined) checkType("ref", ref, "boolean");
  if (onEvent !== undefined) checkType("onEvent", onEvent, "function");
  if (dma !== undefined) checkMethods("dma", dma, ["connect", "translate"], "pass a `new ServedDma()`");
}

class SocketServer implements Server {
  readonly path: string;
  readonly #options: ServeOptions;
  readonly #limits: ServerLimits;
  readonly #hosting: Hosting;
  readonly #listener: FrameListener;
  readonly #loop: LoopPump;
  readonly #blocking: BlockingPump | undefined;
  readonly #sessions = new Set<Session>();
  #stopAccepting: (() => void) | undefined;
  #lastClient = 0;
  #closed = false;

  constructor(servable: Servable, options: ServeOptions) {
    this.#options = options;
    this.#limits = limitsOf(options.limits);
    this.path = absolute(options.path);
    const onFault = (error: unknown): void => this.#tell({ type: "fault", error });
    this.#hosting = hostingOf(servable, { ...options, onFault });
    try {
      const { descriptors, dataTransfer } = this.#limits;
      const mostBytes = dataTransfer + protocol.message - protocol.dataTransfer;
      const { access = "owner" } = options;
      this.#listener = listen(this.path, { mostBytes, mostFds: descriptors, access, backlog: 64 });
    } catch (error) {
      this.#hosting.close();
      throw error;
    }
    this.#loop = new LoopPump(options.ref !== false);
    this.#blocking = options.mode === "blocking" ? new BlockingPump() : undefined;
    servedPaths.add(this.path);
    removeAtExit(this.#listener);
    this.#accept();
  }

  get function(): HostedFunction | undefined {
    return this.#hosting.function;
  }

  get clients(): number {
    return this.#sessions.size;
  }

  get closed(): boolean {
    return this.#closed;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    listeners.delete(this.#listener);
    servedPaths.delete(this.path);
    this.#stopAccepting?.();
    this.#listener.close();
    for (const session of [...this.#sessions]) session.close();
    this.#blocking?.close();
    this.#hosting.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Whether further clients must wait. */
  get #isFull(): boolean {
    const { clients, whenBusy } = this.#options;
    const most = clients === "many" ? this.#limits.sessions : 1;
    return this.#sessions.size >= most + (whenBusy === "refuse" ? MOST_REFUSED : 0);
  }

  /** Takes clients as they come, as long as there is room. */
  #accept(): void {
    if (this.#closed) return;
    this.#stopAccepting ??= this.#listener.onWaiting(() => this.#accept(), this.#options.ref !== false);
    try {
      while (!this.#isFull) {
        const socket = this.#listener.accept();
        if (socket === undefined) return;
        this.#welcome(socket);
      }
      this.#pause();
    } catch (error) {
      this.#pause();
      this.#tell({ type: "fault", error });
      const retry = setTimeout(() => this.#accept(), RETRY_MS);
      if (this.#options.ref === false) retry.unref();
    }
  }

  #pause(): void {
    this.#stopAccepting?.();
    this.#stopAccepting = undefined;
  }

  #welcome(socket: FrameSocket): void {
    const client = ++this.#lastClient;
    const peer = socket.peer();
    let served: Served | undefined;
    const session = new Session(socket, {
      limits: this.#limits,
      twinSocket: this.#blocking === undefined && this.#options.twinSocket !== false,
      serve: () => {
        if (this.#options.clients === "many" && this.#sessions.size > this.#limits.sessions) {
          throw refusal("EBUSY", `there are ${this.#limits.sessions} clients`);
        }
        served = this.#hosting.take();
        return served;
      },
      onChannel: (channel) => this.#loop.add(session, channel),
      onOpen: () => {
        handshake.cancel();
        this.#tell({ type: "opened", client });
      },
      onClose: (error) => {
        handshake.cancel();
        this.#sessions.delete(session);
        if (served !== undefined) this.#hosting.give(served);
        this.#tell({ type: "left", client, ...(error !== undefined && { error: pciErrorOf(error) }) });
        this.#accept();
      },
      onFault: (error) => this.#tell({ type: "fault", client, error }),
    });
    const handshake = new Deadline(this.#limits.handshakeMs, () => session.close(this.#silence())).unref();
    this.#sessions.add(session);
    this.#tell({ type: "connected", client, peer });
    const isAlone = this.#sessions.size === 1;
    guarded(session, () =>
      (isAlone ? (this.#blocking ?? this.#loop) : this.#loop).add(session, session.main),
    );
  }

  #silence(): PciError {
    const { handshakeMs } = this.#limits;
    return new PciError("ERR_TIMEOUT", `the client did not say its version within ${handshakeMs} ms`, {
      hint: "it must send VERSION first; limits.handshakeMs gives it longer",
    });
  }

  #tell(event: ServerEvent): void {
    this.#options.onEvent?.(event);
  }
}

function removeAtExit(listener: FrameListener): void {
  listeners.add(listener);
  if (removesFiles) return;
  removesFiles = true;
  process.once("exit", () => {
    for (const each of listeners) each.close();
  });
}

function pciErrorOf(error: unknown): PciError {
  if (isPciError(error)) return error;
  return new PciError("ERR_INTERNAL", error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}
