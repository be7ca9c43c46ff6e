import { setInterval } from "node:timers/promises";
import { ConditionWatch, watchUevents } from "@userpci/sysfs";
import { openUevents } from "@userpci/vfio-native/uevents";
import { type CommandCall, ofCommandLine, optionText, type Report } from "../command.ts";
import { eventLine, type MonitorEvent, type TimedEvent } from "../monitor/event.ts";
import { optionMilliseconds } from "../seconds.ts";
import { Stop } from "../stop.ts";

/** Subsystems of the kernel that PCI functions and their nodes belong to. */
const usualSubsystems: readonly string[] = ["pci", "vfio", "vfio-dev"];

/** How often it is looked for what has no event, in milliseconds. */
const USUAL_INTERVAL = 1000;

/** Events that `--json` keeps for the end; older ones are dropped, and counted. */
const MOST_KEPT = 100_000;

/** `userpci monitor`: until a signal, or as long as `--for` says. */
export async function run(call: CommandCall): Promise<Report> {
  const started = performance.now();
  const forMs = optionMilliseconds(call, "for", 0);
  const intervalMs = optionMilliseconds(call, "interval", 0.01) ?? USUAL_INTERVAL;
  const only = call.arguments[0] === undefined ? {} : { address: call.arguments[0] };
  const subsystems = optionText(call, "subsystems")?.split(",") ?? usualSubsystems;
  using stop = new Stop();
  using source = openUevents();
  const conditions = await ofCommandLine(() => new ConditionWatch(only));
  const kept = new Kept(call, stop);
  const timer = forMs === undefined ? undefined : setTimeout(() => stop.now(), forMs);
  call.terminal.note(`watching ${conditions.size} functions; Ctrl-C ends it\n`);
  try {
    const { signal } = stop;
    const filter = { ...only, signal, ...(subsystems.includes("all") ? {} : { subsystems }) };
    await Promise.all([
      ending(stop, hear(watchUevents(source, filter), kept)),
      ending(stop, look(conditions, intervalMs, signal, kept)),
    ]);
  } finally {
    clearTimeout(timer);
  }
  const { events, dropped } = kept;
  return {
    json: { events, dropped, signal: stop.by, durationMs: performance.now() - started },
    lines: [],
    text: () => [],
  };
}

/** Ends the others too where one fails. */
async function ending(stop: Stop, work: Promise<void>): Promise<void> {
  try {
    await work;
  } finally {
    stop.now();
  }
}

async function hear(events: AsyncIterable<MonitorEvent>, kept: Kept): Promise<void> {
  for await (const event of events) kept.tell(event);
}

async function look(
  conditions: ConditionWatch,
  intervalMs: number,
  signal: AbortSignal,
  kept: Kept,
): Promise<void> {
  try {
    for await (const _tick of setInterval(intervalMs, undefined, { signal })) {
      for (const change of conditions.changes()) kept.tell(change);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Prints events as they come, and keeps them where they are printed at the end. */
class Kept {
  readonly events: TimedEvent[] = [];
  dropped = 0;
  readonly #call: CommandCall;
  readonly #stop: Stop;

  constructor(call: CommandCall, stop: Stop) {
    this.#call = call;
    this.#stop = stop;
  }

  tell(event: MonitorEvent): void {
    const { json, jsonl, line, terminal } = this.#call;
    const timed = { time: new Date().toISOString(), ...event };
    if (jsonl) line(timed);
    else if (json) this.#keep(timed);
    else terminal.write(`${eventLine(timed, terminal.style)}\n`);
    if (terminal.unread === true) this.#stop.now();
  }

  #keep(event: TimedEvent): void {
    this.events.push(event);
    if (this.events.length <= MOST_KEPT) return;
    this.events.shift();
    this.dropped += 1;
  }
}
