import { type AnyRegisterTable, decodeAccess } from "@userpci/device-model/registers";
import { regionIndex } from "@userpci/interface";
import type { AccessEvent, CallEvent, OpenedDevice, TracedError, TraceEvent } from "./trace-event.ts";

/** Register tables by the number of their BAR. */
export type BarTables = Readonly<Partial<Record<number, AnyRegisterTable>>>;

/** How {@link tracePrinter} names things. */
export interface PrintOptions {
  /** The registers of the BARs: one device's, or chosen by the address that a device was opened by and what it was then. */
  readonly registers?: BarTables | ((address: string, opened: OpenedDevice) => BarTables | undefined);
}

/** Bytes of memory that a line shows. */
const SHOWN_BYTES = 16;

const regionNames: readonly string[] = Object.keys(regionIndex);

/**
 * A printer of events, one line each: time, device, what happened, with registers by their names.
 *
 * ```ts
 * const print = tracePrinter({ registers: { 0: eduRegisters } });
 * for await (const event of readRecording(createReadStream("run.trace"))) console.log(print(event));
 * ```
 */
export function tracePrinter({ registers }: PrintOptions = {}): (event: TraceEvent) => string {
  const chosen = new Map<number, BarTables | undefined>();
  return (event) => {
    const { kind, device } = event;
    if (kind === "open" && typeof registers === "function")
      chosen.set(device, registers(event.address, event.opened));
    const tables = typeof registers === "function" ? chosen.get(device) : registers;
    const time = (event.time / 1000).toFixed(3).padStart(10);
    return `${time} ms  ${device}  ${describe(event, tables)}`;
  };
}

function describe(event: TraceEvent, tables: BarTables | undefined): string {
  switch (event.kind) {
    case "read":
    case "write":
      return access(event, tables?.[event.region]);
    case "open":
      return `open ${event.address} on ${event.backend}`;
    case "call":
      return call(event);
    case "result":
      return `call ${event.pending} ${event.error ? failure(event.error) : "is done"}`;
    case "interrupt":
      return `interrupt of target ${event.target}${event.count === 1 ? "" : `, ${event.count} times`}`;
    case "map":
      return `map ${hex(event.iova)} for ${event.size} bytes, ${event.direction}`;
    case "unmap":
      return `unmap ${hex(event.iova)} for ${event.size} bytes`;
    case "memory":
    case "answer":
      return `${event.kind} ${hex(event.iova)} = ${bytes(event.bytes)}`;
  }
}

function access(
  { kind, region, offset, width, value }: AccessEvent,
  table: AnyRegisterTable | undefined,
): string {
  const place = `${regionNames[region] ?? `region ${region}`} + ${hex(offset)}`;
  const arrow = kind === "read" ? "->" : "<-";
  const plain = `${kind.padEnd(5)} ${8 * width} ${place} ${arrow} ${hex(value)}`;
  const named = table?.find(offset) === undefined ? "" : `  ${decodeAccess(table, offset, width, value)}`;
  return `${plain}${named}`;
}

function call({ method, args, result, error, pending }: CallEvent): string {
  const given = args.map((arg) => JSON.stringify(arg)).join(", ");
  const outcome = error
    ? ` ${failure(error)}`
    : result !== undefined
      ? ` -> ${JSON.stringify(result)}`
      : pending !== undefined
        ? ` (call ${pending})`
        : "";
  return `${method}(${given})${outcome}`;
}

function failure({ code, message }: TracedError): string {
  return `failed: ${code} ${message}`;
}

function bytes(value: Uint8Array): string {
  const shown = Buffer.from(value.subarray(0, SHOWN_BYTES))
    .toString("hex")
    .replace(/..(?!$)/g, "$& ");
  return value.length > SHOWN_BYTES ? `${shown} … (${value.length} bytes)` : shown;
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
