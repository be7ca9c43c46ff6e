import { once } from "node:events";
import { PciError } from "@userpci/interface";
import { type ServeOptions, type Server, serve } from "@userpci/vfio-user/server";
import { type CommandCall, ofCommandLine, optionText, type Report, WrongValue } from "../command.ts";
import { type EventReport, eventLines, reportEvent } from "../serve/events.ts";
import { findModels, type MakeModels } from "../serve/models.ts";
import { Stop } from "../stop.ts";

/** What happened while it was served. */
interface History {
  clients: number;
  faults: number;
  /** Only for `--json`: whoever reads lines has had them. */
  readonly events: EventReport[];
}

/** `userpci serve`: until a signal. */
export async function run(call: CommandCall): Promise<Report> {
  const { terminal, json } = call;
  const name = call.arguments[0]!;
  const socket = needSocket(optionText(call, "socket"));
  const make = await findModels(name);
  const started = performance.now();
  const history: History = { clients: 0, faults: 0, events: [] };
  const servers = await startAll(call, make, socket, history);
  try {
    using stop = new Stop();
    const clients = clientsOf(optionText(call, "clients"));
    const served = servers.map(({ path, function: fn }) => ({ name: fn?.name ?? name, path, clients }));
    call.line({ type: "serving", served });
    if (!json) for (const { path } of served) terminal.write(servingText(name, path, clients));
    if (!stop.signal.aborted) await once(stop.signal, "abort");
    const signal = stop.by!;
    const { clients: had, faults, events } = history;
    const durationMs = performance.now() - started;
    const result = { model: name, served, clients: had, faults, signal, durationMs };
    return {
      json: { ...result, events },
      lines: [{ type: "ended", ...result }],
      text: () => [`ended by ${signal}: ${count(had, "client")}, ${count(faults, "fault")} of the model`],
    };
  } finally {
    await Promise.all(servers.map((server) => server.close()));
  }
}

/** Serves each model at a socket of its own; all or none. */
async function startAll(
  call: CommandCall,
  make: MakeModels,
  socket: string,
  history: History,
): Promise<readonly Server[]> {
  const models = make();
  const servers: Server[] = [];
  try {
    for (const [at, model] of models.entries()) {
      const path = models.length === 1 ? socket : `${socket}.${at}`;
      const options = serveOptions(call, path, history);
      // Devices that belong together are one of each; one that stands alone may be many.
      const servable = models.length === 1 && options.clients === "many" ? () => make()[0]! : model;
      servers.push(await ofCommandLine(() => serve(servable, options)));
    }
    return servers;
  } catch (error) {
    await Promise.all(servers.map((server) => server.close()));
    throw error;
  }
}

function serveOptions(call: CommandCall, path: string, history: History): ServeOptions {
  const { options, terminal, json, jsonl } = call;
  return {
    path,
    clients: clientsOf(optionText(call, "clients")),
    mode: options["blocking"] === true ? "blocking" : "event-loop",
    access: options["all"] === true ? "all" : "owner",
    time: options["realTime"] === true ? "real" : "virtual",
    whenBusy: options["refuse"] === true ? "refuse" : "wait",
    onEvent: (event) => {
      if (event.type === "opened") history.clients++;
      if (event.type === "fault") history.faults++;
      const report = reportEvent(path, event);
      call.line(report);
      if (json && !jsonl) history.events.push(report);
      if (!json) for (const line of eventLines(report, terminal.style)) terminal.write(`${line}\n`);
    },
  };
}

function servingText(name: string, path: string, clients: string): string {
  const whom =
    clients === "many" ? "to many clients, each with a device of its own" : "to one client at a time";
  return `serving ${name} at ${path}, ${whom}; Ctrl-C ends it\n`;
}

function needSocket(socket: string | undefined): string {
  // An empty one would be the folder itself.
  if (socket !== undefined && socket !== "") return socket;
  throw new WrongValue(
    new PciError("ERR_INVALID_ARGUMENT", "a server needs a socket", {
      hint: "userpci serve edu --socket /tmp/edu.sock",
    }),
  );
}

/** @throws WrongValue */
function clientsOf(value: string | undefined): "one" | "many" {
  if (value === undefined || value === "one" || value === "many") return value ?? "one";
  throw new WrongValue(
    new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(value)} is no number of clients`, {
      hint: "--clients one or --clients many",
    }),
  );
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`;
