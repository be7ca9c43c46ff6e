// Runs in a process of its own, with the flags of one tier: does every pattern with one region over the guarded page,
// and writes what happened to descriptor 3.
import { writeFileSync } from "node:fs";
import type { Region } from "@userpci/interface";
import { type ActiveTier, activeTier, hasMaglev, optimizeOnNextCall, prepare } from "./natives.ts";
import { type Pattern, patterns } from "./patterns.ts";
import type { Observation, Order, Report } from "./protocol.ts";
import { type MakeRegion, regions } from "./regions.ts";
import { type Tier, tiers } from "./tiers.ts";
import { Trap } from "./trap.ts";

const WARM_UP_CALLS = 50;
/** V8 throws optimised code away when it meets a type it had not seen, and does better the next time. */
const ATTEMPTS = 5;

type Run = (region: Region, value: number | bigint) => unknown;
type Accessor = (...args: never[]) => unknown;

/** A function of the pattern's own, so that no other pattern's types reach its feedback. */
function compile(pattern: Pattern, name: string): Run {
  return new Function(`return function ${name}(region, value) { ${pattern.body} }`)() as Run;
}

/** Names of the accessors that a pattern uses. */
function accessorsOf(pattern: Pattern): (keyof Region)[] {
  return [...new Set(pattern.body.match(/(?:read|write)\d+/g))] as (keyof Region)[];
}

/**
 * Runs a pattern until its function, and the accessors that shall have code of their own, are in the tier's code. The
 * accessors come first: a caller that is compiled earlier may contain them and so never call them.
 */
function warmUp(tier: Tier, run: () => unknown, pattern: Accessor, accessors: readonly Accessor[]): void {
  if (tier.warmUp === "never") return;
  const targets = [...accessors, pattern];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    for (const target of targets) prepare(target);
    for (let i = 0; i < WARM_UP_CALLS; i++) run();
    for (const target of targets) optimize(tier.active, target, run);
    run();
    if (targets.every((target) => activeTier(target) === tier.active)) return;
  }
}

/** Compiles a function for one of the optimising tiers. */
function optimize(tier: ActiveTier, target: Accessor, run: () => unknown): void {
  if ((tier !== "Maglev" && tier !== "Turbofan") || activeTier(target) === tier) return;
  optimizeOnNextCall[tier](target);
  run();
}

async function observe(
  trap: Trap,
  tier: Tier,
  pattern: Pattern,
  name: string,
  region: Region,
): Promise<Observation> {
  const { operand } = pattern;
  const value = operand.bits === 64 ? BigInt(operand.value.replace("n", "")) : Number(operand.value);
  const call = compile(pattern, name);
  const run = (): unknown => call(region, value);
  const accessors = accessorsOf(pattern);
  const called = tier.accessor === "called" ? accessors.map((each) => region[each] as Accessor) : [];
  const targets = [call, ...called];
  new Uint8Array(trap.buffer).fill(operand.fill);
  warmUp(tier, run, call, called);
  const tiersBefore = targets.map(activeTier);
  const accesses = trap.describe(trap.watch(run));
  return { function: name, accessors, accesses, tiersBefore, tiersAfter: targets.map(activeTier) };
}

async function observeAll(tier: Tier, make: MakeRegion): Promise<Report> {
  const trap = new Trap();
  const observations: Record<string, Observation> = {};
  let region = await make(trap.buffer);
  for (const [index, pattern] of patterns.entries()) {
    if (tier.warmUp === "never") region = await make(trap.buffer);
    observations[pattern.name] = await observe(trap, tier, pattern, `pattern${index}`, region);
  }
  return { observations };
}

const order = JSON.parse(process.argv[2]!) as Order;
const tier = tiers.find(({ name }) => name === order.tier)!;
const report =
  tier.active === "Maglev" && !hasMaglev()
    ? { obstacle: "this V8 has no Maglev" }
    : await observeAll(tier, regions[order.region]);
writeFileSync(3, JSON.stringify(report));
