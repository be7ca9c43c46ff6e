import { type DeviceModel, type HostedFunction, hostFunction } from "@userpci/device-model";
import { checkType, PciError } from "@userpci/interface";
import { MemfdSource } from "@userpci/vfio-native/socket";
import { BarFiles } from "./bar-files.ts";
import type { Served } from "./client-device.ts";
import { refusal } from "./descriptors.ts";
import type { Servable, ServeOptions } from "./options.ts";
import { ServedDma } from "./served-dma.ts";

/** Where a server's clients get their functions from. */
export interface Hosting {
  /** The one that all have in turn; undefined if each has its own. */
  readonly function: HostedFunction | undefined;
  /** A function for one more client. @throws PciError `EBUSY` if there is none left */
  take(): Served;
  /** Takes a function back that was closed. */
  give(served: Served): void;
  /** Gives up what this made. */
  close(): void;
}

type HostingOptions = Pick<ServeOptions, "clients" | "time" | "dma"> & {
  readonly onFault: (error: unknown) => void;
};

/**
 * Hosts what is to be served.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for what cannot be served so, and what is wrong with a model
 */
export function hostingOf(servable: Servable, options: HostingOptions): Hosting {
  const { clients = "one", dma } = options;
  if (isHosted(servable)) return hosted(servable, clients, dma);
  if (typeof servable !== "function") checkType("model", servable, "object", hint);
  const make = (): Served => host(typeof servable === "function" ? servable() : servable, options);
  const first = make();
  return clients === "one" ? one(first, () => first.fn[Symbol.dispose]()) : many(first, make);
}

const hint = "pass a DeviceModel, such as edu() of @userpci/edu/model, or a function that makes one";

const isHosted = (servable: Servable): servable is HostedFunction =>
  typeof servable === "object" && servable !== null && "regionInfo" in servable;

function hosted(fn: HostedFunction, clients: "one" | "many", dma: ServedDma | undefined): Hosting {
  if (clients === "many") {
    throw new PciError("ERR_INVALID_ARGUMENT", "one hosted function cannot be served to many clients", {
      hint: "pass the model, or a function that makes one: each client gets its own",
    });
  }
  if (dma === undefined) {
    throw new PciError("ERR_INVALID_ARGUMENT", `nobody knows how ${fn.name} reaches memory`, {
      hint: "const dma = new ServedDma(); serve(hostFunction(model, { dma, memory }), { path, dma })",
    });
  }
  return one({ fn, dma }, () => undefined);
}

function host(model: DeviceModel, { time, onFault }: HostingOptions): Served {
  const dma = new ServedDma();
  const memory = new MemfdSource();
  const files = new BarFiles(model, memory);
  const fn = hostFunction(model, {
    memory,
    dma,
    barMemory: (bar, area) => files.allocate(bar, area),
    msixTable: "hide",
    onFault,
    ...(time !== undefined && { time }),
  });
  return { fn, dma, files };
}

const ONE_AT_A_TIME =
  'one has it at a time; with clients: "many", and a function that makes models, each has its own';

function one(served: Served, close: () => void): Hosting {
  let isTaken = false;
  return {
    function: served.fn,
    take() {
      if (isTaken) throw refusal("EBUSY", `another client has ${served.fn.name}`, ONE_AT_A_TIME);
      served.files?.renew();
      isTaken = true;
      return served;
    },
    give() {
      isTaken = false;
    },
    close,
  };
}

/** @param first made already, to see that it can be */
function many(first: Served, make: () => Served): Hosting {
  const used = new Set<Served>();
  let spare: Served | undefined = first;
  return {
    function: undefined,
    take() {
      const served = spare ?? make();
      spare = undefined;
      used.add(served);
      return served;
    },
    give(served) {
      used.delete(served);
      served.fn[Symbol.dispose]();
    },
    close() {
      for (const { fn } of spare === undefined ? used : [spare, ...used]) fn[Symbol.dispose]();
      spare = undefined;
      used.clear();
    },
  };
}
