import { setTimeout as delay } from "node:timers/promises";
import { PciError } from "@userpci/interface";
import { type ReadTelemetryOptions, readTelemetry, type TelemetryReport } from "userpci/telemetry";
import { type CommandCall, optionText, type Report, WrongValue } from "../command.ts";
import { optionMilliseconds } from "../seconds.ts";
import { Stop } from "../stop.ts";
import { Screen } from "../top/screen.ts";
import { keysLine, type Looks, topLines } from "../top/view.ts";

/** Time between two looks, in milliseconds. */
const USUAL_INTERVAL = 1000;

/** Keys that end it: q, Q, Ctrl-C, Ctrl-D. */
const ends: readonly string[] = ["q", "Q", "\x03", "\x04"];

/** `userpci top`: once, line by line for a pipe or a program, or on the whole screen of a terminal. */
export async function run(call: CommandCall): Promise<Report> {
  const where = placeOf(call);
  const intervalMs = optionMilliseconds(call, "interval", 0.1) ?? USUAL_INTERVAL;
  const once = call.options["once"] === true || (call.json && !call.jsonl);
  if (once) return reportOf(looksAt(where, await readTelemetry(where)));
  using stop = new Stop();
  if (call.jsonl) await followJson(call, stop, where, intervalMs);
  else if (call.terminal.columns === undefined) await followText(call, stop, where, intervalMs);
  else await showScreen(call, stop, where, intervalMs);
  return { json: {}, lines: [], text: () => [] };
}

const looksAt = (
  { directories }: ReadTelemetryOptions,
  now: TelemetryReport,
  before?: TelemetryReport,
): Looks => ({ now, before, at: directories?.[0] });

function reportOf(looks: Looks): Report {
  return {
    json: jsonOf(looks.now),
    lines: [lineOf(looks.now)],
    text: (style) => topLines(looks, style),
  };
}

/** A line of `--jsonl`, of what was read just now. */
function lineOf(now: TelemetryReport): object {
  return { time: new Date().toISOString(), ...jsonOf(now) };
}

/** What programs said, with what each says of itself beside where it was heard. */
function jsonOf({ programs, silent }: TelemetryReport): object {
  return {
    programs: programs.map(({ socket, uid, snapshot: { atMs, program, devices } }) => ({
      socket,
      uid,
      atMs,
      ...program,
      devices,
    })),
    silent,
  };
}

/** @throws WrongValue */
function placeOf(call: CommandCall): ReadTelemetryOptions {
  const directory = optionText(call, "at");
  if (directory === undefined) return {};
  if (directory.startsWith("/")) return { directories: [directory] };
  throw new WrongValue(
    new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(directory)} is no absolute path`, {
      hint: "give what USERPCI_TELEMETRY was set to",
    }),
  );
}

/** Looks again and again, until it is to stop. */
async function follow(
  stop: Stop,
  where: ReadTelemetryOptions,
  intervalMs: number,
  show: (now: TelemetryReport, before: TelemetryReport | undefined) => void,
): Promise<void> {
  let before: TelemetryReport | undefined;
  while (!stop.signal.aborted) {
    const now = await readTelemetry(where);
    if (stop.signal.aborted) return;
    show(now, before);
    before = now;
    await delay(intervalMs, undefined, { signal: stop.signal }).catch(() => undefined);
  }
}

async function followText(
  { terminal }: CommandCall,
  stop: Stop,
  where: ReadTelemetryOptions,
  intervalMs: number,
): Promise<void> {
  await follow(stop, where, intervalMs, (now, before) => {
    // The first look has no rates.
    if (before === undefined) return;
    terminal.write(`${topLines(looksAt(where, now, before), terminal.style).join("\n")}\n\n`);
    if (terminal.unread === true) stop.now();
  });
}

async function followJson(
  { line, terminal }: CommandCall,
  stop: Stop,
  where: ReadTelemetryOptions,
  intervalMs: number,
): Promise<void> {
  await follow(stop, where, intervalMs, (now) => {
    line(lineOf(now));
    if (terminal.unread === true) stop.now();
  });
}

async function showScreen(
  { terminal: { style } }: CommandCall,
  stop: Stop,
  where: ReadTelemetryOptions,
  intervalMs: number,
): Promise<void> {
  let lines: readonly string[] = [];
  using screen = new Screen(process.stdin, process.stdout, {
    onKey: (key) => {
      if (ends.some((end) => key.includes(end))) stop.now();
    },
    onResize: () => screen.draw(lines),
    onLost: () => stop.now(),
  });
  await follow(stop, where, intervalMs, (now, before) => {
    lines = [...topLines(looksAt(where, now, before), style), "", keysLine(style, intervalMs)];
    screen.draw(lines);
  });
}
