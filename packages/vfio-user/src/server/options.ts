import type { DeviceModel, HostedFunction } from "@userpci/device-model";
import type { PciError } from "@userpci/interface";
import type { Peer, SocketAccess } from "@userpci/vfio-native/socket";
import type { ServerLimits } from "./limits.ts";
import type { ServedDma } from "./served-dma.ts";

/** What is served: a model, what makes one for each client, or a function that is hosted already. */
export type Servable = DeviceModel | (() => DeviceModel) | HostedFunction;

/** How a function is served. */
export interface ServeOptions {
  /** Of the socket: a file, or `@` and an abstract name; at most 107 bytes. The file of a server that has died is replaced. */
  readonly path: string;
  /**
   * `event-loop`, the default: beside everything else of this thread. `blocking`: this thread waits for its client, which takes
   * less time a message, and does everything else late by up to 10 ms: for a worker or a process of its own, and one client
   * at a time.
   */
  readonly mode?: "event-loop" | "blocking";
  /** `one`, the default: one client at a time. `many`: each has a function of its own. */
  readonly clients?: "one" | "many";
  /** What comes to a client when there is no function left: it must `wait`, the default, or gets `refuse`d with EBUSY. */
  readonly whenBusy?: "wait" | "refuse";
  readonly limits?: Partial<ServerLimits>;
  /** Who may connect to the file: its `owner`, the default, or `all`. */
  readonly access?: SocketAccess;
  /** Whether DMA messages may have a socket of their own, where the client can have it so. Default true. */
  readonly twinSocket?: boolean;
  /** The time of the model, see `HostOptions`. Default `virtual`. */
  readonly time?: "virtual" | "real";
  /** Of a function that is hosted already: what it was given as its `DmaPort`. */
  readonly dma?: ServedDma;
  /** Whether the server keeps the process alive. Default true. */
  readonly ref?: boolean;
  /** Told of clients, and of faults of the model. */
  readonly onEvent?: (event: ServerEvent) => void;
}

/** What happened to a server. Clients are numbered from 1. */
export type ServerEvent =
  | { readonly type: "connected"; readonly client: number; readonly peer: Peer }
  | { readonly type: "opened"; readonly client: number }
  /** Without an error it closed its socket, or died. */
  | { readonly type: "left"; readonly client: number; readonly error?: PciError }
  | { readonly type: "fault"; readonly client?: number; readonly error: unknown };

/** What serves. */
export interface Server extends AsyncDisposable {
  /** Absolute, of the socket. */
  readonly path: string;
  /** The function, where all clients have the same. */
  readonly function: HostedFunction | undefined;
  /** How many clients there are. */
  readonly clients: number;
  readonly closed: boolean;
  /** Parts with every client, gives up its functions and removes the socket. Harmless twice. */
  close(): Promise<void>;
}
