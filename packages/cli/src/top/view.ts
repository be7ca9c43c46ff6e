import type { DeviceTelemetry, InterruptTelemetry, ProgramReading, TelemetryReport } from "userpci/telemetry";
import { sizeText } from "../function-view.ts";
import type { Style } from "../style.ts";
import { type Column, formatTable } from "../table.ts";

/** Two looks at the programs, of which the earlier may be missing: there are no rates then, only counts. */
export interface Looks {
  readonly now: TelemetryReport;
  readonly before?: TelemetryReport | undefined;
  /** The directory that was looked in, where it is not the usual ones. */
  readonly at?: string | undefined;
}

/** A device, with what it was when it was last looked at. */
interface Row {
  readonly program: ProgramReading;
  readonly device: DeviceTelemetry;
  /** Seconds since then, and the device then; undefined if it was not there. */
  readonly since: { readonly seconds: number; readonly device: DeviceTelemetry } | undefined;
}

/** A vector of a device. */
interface VectorRow extends Row {
  readonly vector: InterruptTelemetry;
}

/** What is known, as lines for people. */
export function topLines({ now, before, at = "1" }: Looks, style: Style): string[] {
  const rows = now.programs.flatMap((program) => rowsOf(program, before));
  const rated = before !== undefined;
  return [
    `${style.bold("userpci top")}  ${countText(now.programs.length, "program")}, ${countText(rows.length, "device")}`,
    ...now.silent.map(({ socket, code }) => style.yellow(`no answer at ${socket}: ${code}`)),
    ...(rows.length === 0 ? ["", `no program tells of a device: run one with USERPCI_TELEMETRY=${at}`] : []),
    ...table(deviceColumns(rated), rows, style),
    ...table(vectorColumns(rated), rows.flatMap(vectorsOf), style),
    ...table(programColumns, now.programs, style),
  ];
}

function table<T>(columns: readonly Column<T>[], rows: readonly T[], style: Style): string[] {
  return rows.length === 0 ? [] : ["", ...formatTable(columns, rows, style)];
}

function rowsOf(program: ProgramReading, before: TelemetryReport | undefined): Row[] {
  const former = before?.programs.find(({ socket }) => socket === program.socket);
  const seconds = former === undefined ? 0 : (program.snapshot.atMs - former.snapshot.atMs) / 1000;
  return program.snapshot.devices.map((device) => {
    // One that was opened since is another, also at the same address.
    const then = former?.snapshot.devices.find(
      ({ address, openMs }) => address === device.address && openMs < device.openMs,
    );
    return { program, device, since: then && seconds > 0 ? { seconds, device: then } : undefined };
  });
}

const vectorsOf = (row: Row): VectorRow[] => row.device.interrupts.map((vector) => ({ ...row, vector }));

/** A count, or how fast it grows. */
function growth(
  rated: boolean,
  count: number,
  row: Row,
  countOf: (device: DeviceTelemetry) => number,
): string {
  if (!rated) return String(count);
  if (row.since === undefined) return "-";
  return rateText(Math.max(0, count - countOf(row.since.device)) / row.since.seconds);
}

function deviceColumns(rated: boolean): Column<Row>[] {
  const column = (title: string, countOf: (device: DeviceTelemetry) => number): Column<Row> => ({
    title: rated ? `${title}/S` : `${title}S`,
    cell: (row) => growth(rated, countOf(row.device), row, countOf),
    align: "right",
  });
  return [
    { title: "DEVICE", cell: ({ device }) => device.address },
    { title: "PID", cell: ({ program }) => pidOf(program), align: "right" },
    { title: "BACKEND", cell: ({ device }) => device.backend },
    column("READ", ({ registers }) => registers.mapped.reads + registers.called.reads),
    column("WRITE", ({ registers }) => registers.mapped.writes + registers.called.writes),
    column("CONFIG", ({ registers }) => registers.config.reads + registers.config.writes),
    column("INTERRUPT", ({ interrupts }) => interrupts.reduce((sum, { count }) => sum + count, 0)),
    column("MAP", ({ dma }) => dma.made),
    { title: "BUFFERS", cell: ({ device }) => String(device.dma.buffers), align: "right" },
    { title: "DMA", cell: ({ device }) => sizeText(device.dma.bytes), align: "right" },
    { title: "PINNED", cell: pinnedText, align: "right" },
    { title: "MAPPED", cell: barsText },
  ];
}

function vectorColumns(rated: boolean): Column<VectorRow>[] {
  const countOf =
    ({ kind, vector }: InterruptTelemetry) =>
    (device: DeviceTelemetry): number =>
      device.interrupts.find((each) => each.kind === kind && each.vector === vector)?.count ?? 0;
  return [
    { title: "DEVICE", cell: ({ device }) => device.address },
    { title: "VECTOR", cell: ({ vector }) => `${vector.kind} ${vector.vector}` },
    {
      title: rated ? "INTERRUPT/S" : "",
      cell: (row) => (rated ? growth(true, row.vector.count, row, countOf(row.vector)) : ""),
      align: "right",
    },
    { title: "INTERRUPTS", cell: ({ vector }) => String(vector.count), align: "right" },
    {
      title: "PER DELIVERY",
      cell: ({ vector: { count, deliveries } }) => (deliveries === 0 ? "-" : (count / deliveries).toFixed(1)),
      align: "right",
    },
    { title: "MOST", cell: ({ vector }) => String(vector.largest), align: "right" },
  ];
}

const programColumns: readonly Column<ProgramReading>[] = [
  { title: "PID", cell: (program) => pidOf(program), align: "right" },
  { title: "UID", cell: ({ uid }) => String(uid), align: "right" },
  { title: "NODE", cell: ({ snapshot }) => snapshot.program.node },
  { title: "COMMAND", cell: ({ snapshot }) => snapshot.program.command },
];

/** A thread other than the first is another line of the same process. */
function pidOf({ snapshot: { program } }: ProgramReading): string {
  return program.thread === 0 ? String(program.pid) : `${program.pid}/${program.thread}`;
}

function pinnedText({ device: { dma } }: Row): string {
  if (dma.pinned === null) return "";
  const { used, limit } = dma.pinned;
  return limit === null ? sizeText(used) : `${sizeText(used)} of ${sizeText(limit)}`;
}

const barsText = ({ device }: Row): string =>
  device.mappings.map(({ bar, size }) => `BAR ${bar}: ${sizeText(size)}`).join(", ");

const units = ["", "k", "M", "G"];

/** A rate in four characters or a few more: `0`, `12.3`, `4.56k`. */
export function rateText(perSecond: number): string {
  let value = perSecond;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${Number(value.toPrecision(3))}${units[unit]}`;
}

const countText = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

/** What keys do. */
export const keysLine = (style: Style, intervalMs: number): string =>
  style.dim(`every ${intervalMs / 1000} s; q ends it`);
