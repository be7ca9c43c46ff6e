import { type IrqKind, PciError } from "@userpci/interface";
import { checkInteger, type IrqSet, type PciDevice } from "userpci";
import {
  type CommandCall,
  ofCommandLine,
  optionText,
  optionTexts,
  type Report,
  rangeOfCommandLine,
  WrongValue,
} from "../../command.ts";
import { optionMilliseconds } from "../../seconds.ts";
import { Stop } from "../../stop.ts";
import { knownDevice } from "../../target/known.ts";
import { openTarget } from "../../target/open.ts";
import type { Target } from "../../target/target.ts";
import { numberOf } from "../mem/access.ts";
import { Bars, type Poke, parsePoke, poke } from "./poke.ts";

/** Kinds that a device interrupts by, best first. */
const kinds = ["msix", "msi", "intx"] as const satisfies readonly IrqKind[];

/** How the watch goes. */
interface Wishes {
  readonly kind: (typeof kinds)[number];
  readonly vectors: number;
  /** Events after which it ends. */
  readonly events: number;
  readonly milliseconds: number | undefined;
  /** Written once the vectors are enabled, and at each event. */
  readonly begin: readonly Poke[];
  readonly acknowledge: readonly Poke[];
}

/** What one vector has counted. */
interface Tally {
  readonly vector: number;
  events: number;
}

/** `userpci irq watch`. */
export async function run(call: CommandCall): Promise<Report> {
  const target = await openTarget(call, { use: "device" });
  try {
    const wishes = await wishesOf(call, target);
    return await watch(call, target, target.device!, wishes);
  } finally {
    await target.close();
  }
}

async function watch(call: CommandCall, target: Target, device: PciDevice, wishes: Wishes): Promise<Report> {
  const { kind, vectors } = wishes;
  // Messages are writes of the device; both are gone when it closes.
  device.config.command.update({ memory: true, busMaster: true });
  using bars = new Bars(target);
  using set = device.irqs.enable(kind, { count: vectors });
  const started = performance.now();
  const tallies = Array.from(set, ({ index }): Tally => ({ vector: index, events: 0 }));
  if (!call.json)
    call.terminal.write(
      `${kind}: watching ${vectors} of ${device.irqs.info(kind).count} vectors; Ctrl-C ends it\n`,
    );
  const reason = await listen(call, set, tallies, { device, bars, wishes, started });
  if (reason === "unplug") call.terminal.note(`the system wants ${target.address} back: it is let go\n`);
  const durationMs = performance.now() - started;
  const events = tallies.reduce((sum, tally) => sum + tally.events, 0);
  const failed = (reason === "time" || reason === "unplug") && Number.isFinite(wishes.events);
  return {
    json: {
      address: target.address,
      via: target.via,
      kind,
      vectors: tallies,
      events,
      durationMs,
      ended: reason,
    },
    text: ({ dim }) => [
      `${events} ${events === 1 ? "event" : "events"} in ${(durationMs / 1000).toFixed(1)} s, ${(events / (durationMs / 1000)).toFixed(1)} a second`,
      ...tallies
        .filter((tally) => tally.events > 0)
        .map((tally) => dim(`  vector ${tally.vector}: ${tally.events}`)),
    ],
    failed,
  };
}

/** The error for a device that cannot be reached any more, which nobody has asked for. */
function lost(address: string, cause: PciError): PciError {
  const { code, message, hint = "start its server again" } = cause;
  return new PciError(code, `${address} is lost: ${message}`, { hint, cause });
}

/** What ends a watch; `unplug` is that the system wants the device back. */
type Ending = "events" | "time" | "unplug" | NodeJS.Signals;

interface Scene {
  readonly device: PciDevice;
  readonly bars: Bars;
  readonly wishes: Wishes;
  readonly started: number;
}

/** Has the device begin, and tells of every event. @returns what ended the watch */
async function listen(
  call: CommandCall,
  set: IrqSet,
  tallies: readonly Tally[],
  { device, bars, wishes, started }: Scene,
): Promise<Ending> {
  using stop = new Stop();
  const { promise, resolve, reject } = withResolvers<Ending>();
  let left = wishes.events;
  for (const vector of set) {
    const tally = tallies.find((each) => each.vector === vector.index)!;
    vector.on((count) => {
      try {
        for (const each of wishes.acknowledge) poke(bars, each);
      } catch (error) {
        reject(error);
      }
      tally.events += count;
      left -= count;
      tell(call, { ms: performance.now() - started, vector: vector.index, count, events: tally.events });
      if (left <= 0) resolve("events");
    });
  }
  const release = device.onRelease(({ address, cause }) => {
    if (cause === undefined) resolve("unplug");
    else reject(lost(address, cause));
  });
  for (const each of wishes.begin) poke(bars, each);
  if (call.options["trigger"] === true) for (const vector of set) vector.trigger();
  stop.signal.addEventListener("abort", () => resolve(stop.by ?? "time"));
  const { milliseconds } = wishes;
  const timer = milliseconds === undefined ? undefined : setTimeout(() => stop.now(), milliseconds);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    release.close();
  }
}

interface Event {
  readonly ms: number;
  readonly vector: number;
  readonly count: number;
  readonly events: number;
}

function tell(call: CommandCall, event: Event): void {
  call.line(event);
  if (call.json) return;
  const { ms, vector, count, events } = event;
  const more = count === 1 ? "" : ` (${count} at once)`;
  call.terminal.write(`${(ms / 1000).toFixed(6).padStart(12)} s  vector ${vector}  event ${events}${more}\n`);
}

/** Node 22 has it built in. */
function withResolvers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

async function wishesOf(call: CommandCall, target: Target): Promise<Wishes> {
  const device = target.device!;
  const known = await knownDevice(target);
  const milliseconds = optionMilliseconds(call, "seconds", 0.001);
  const events = await rangeOfCommandLine(() => optionNumber(call, "count", Number.MAX_SAFE_INTEGER));
  return ofCommandLine(() => {
    const kind = kindOf(device, optionText(call, "kind"));
    const { count } = device.irqs.info(kind);
    return {
      kind,
      vectors: optionNumber(call, "vectors", count) ?? count,
      events: events ?? Number.POSITIVE_INFINITY,
      milliseconds,
      begin: optionTexts(call, "write").map((text) => parsePoke(text, known)),
      acknowledge: optionTexts(call, "ack").map((text) => parsePoke(text, known)),
    };
  });
}

/** @throws PciError `ERR_INVALID_ARGUMENT`; `ERR_OUT_OF_RANGE` for less than 1 or more than `most` */
function optionNumber(call: CommandCall, name: string, most: number): number | undefined {
  const text = optionText(call, name);
  return text === undefined ? undefined : checkInteger(name, Number(numberOf(text, name)), 1, most);
}

function kindOf(device: PciDevice, wanted: string | undefined): (typeof kinds)[number] {
  const there = kinds.filter((kind) => device.irqs.info(kind).count > 0);
  const found = wanted === undefined ? there[0] : there.find((kind) => kind === wanted);
  if (found !== undefined) return found;
  const hint = there.length === 0 ? "it polls, or interrupts by other means" : `it has ${there.join(", ")}`;
  if (wanted !== undefined && !kinds.some((kind) => kind === wanted)) {
    throw new WrongValue(
      new PciError("ERR_INVALID_ARGUMENT", `there is no kind ${JSON.stringify(wanted)}`, { hint }),
    );
  }
  throw new PciError(
    "ERR_NOT_SUPPORTED",
    `${device.address} has no interrupts${wanted === undefined ? "" : ` of the kind ${wanted}`}`,
    { hint },
  );
}
