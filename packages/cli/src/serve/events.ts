import type { ServerEvent } from "@userpci/vfio-user/server";
import { type Failure, formatFailure, toFailure } from "../failure.ts";
import type { Style } from "../style.ts";

/** What happened, as data. */
export interface EventReport {
  readonly type: ServerEvent["type"];
  /** Of the socket. */
  readonly path: string;
  readonly client?: number;
  readonly pid?: number;
  readonly uid?: number;
  readonly error?: Failure;
}

/** An event of a server as data. */
export function reportEvent(path: string, event: ServerEvent): EventReport {
  const { type, client } = event;
  const error = "error" in event && event.error !== undefined ? toFailure(event.error) : undefined;
  return {
    type,
    path,
    ...(client !== undefined && { client }),
    ...("peer" in event && { pid: event.peer.pid, uid: event.peer.uid }),
    ...(error !== undefined && { error }),
  };
}

/** An event as lines for people. */
export function eventLines({ type, client, pid, uid, error }: EventReport, style: Style): string[] {
  const who = client === undefined ? "the model" : `client ${client}`;
  if (type === "connected") return [`${style.dim("+")} ${who} connected: process ${pid} of uid ${uid}`];
  if (type === "opened") return [`${style.green("✓")} ${who} has the device`];
  const details = error === undefined ? [] : formatFailure(error, style, "warning");
  if (type === "left") return [`${style.dim("-")} ${who} left`, ...details];
  return [`${style.yellow("!")} ${who} met a fault of the model`, ...details];
}
