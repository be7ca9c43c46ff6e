import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { patterns } from "./patterns.ts";
import type { Observation, Order, Report } from "./protocol.ts";
import type { RegionName } from "./regions.ts";
import { type Tier, tiers } from "./tiers.ts";
import { buildTrap, trapObstacle } from "./trap-build.ts";

const child = fileURLToPath(new URL("../../dist/native/one-access/child.js", import.meta.url));

interface Run {
  readonly report: Report;
  /** What V8 wrote, with its flags, such as what it inlined. */
  readonly log: string;
}

/** Does every pattern with one kind of region in a process whose V8 runs one tier. */
function runChild(tier: Tier, region: RegionName): Run {
  if (!existsSync(child)) throw new Error(`${child} is missing: npm run build`);
  buildTrap();
  const order: Order = { tier: tier.name, region };
  const argv = ["--allow-natives-syntax", ...tier.flags, child, JSON.stringify(order)];
  const { status, signal, output } = spawnSync(process.execPath, argv, {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (status !== 0)
    throw new Error(`the child ended with ${signal ?? status}:\n${output[2]}\n${output[1]?.slice(-2000)}`);
  return { report: JSON.parse(output[3]!) as Report, log: output[1]! };
}

/** Names of the functions that V8 made part of `into`, of `--trace-turbo-inlining`. */
function inlinedInto(log: string, into: string): Set<string> {
  const names = new Set<string>();
  for (const [, name, target] of log.matchAll(
    /^Inlining .*SharedFunctionInfo (\w+)>.* into .*SharedFunctionInfo (\w+)>/gm,
  )) {
    if (target === into) names.add(name!);
  }
  return names;
}

function expectTier(tier: Tier, observation: Observation, log: string): void {
  const { tiersBefore, tiersAfter, accessors } = observation;
  const own = tier.accessor === "called" ? 1 + accessors.length : 1;
  expect(tiersBefore).toEqual(Array(own).fill(tier.warmUp === "never" ? "none" : tier.active));
  expect(tiersAfter).toEqual(Array(own).fill(tier.active));
  if (tier.accessor === "inlined") {
    expect([...inlinedInto(log, observation.function)]).toEqual(expect.arrayContaining([...accessors]));
  }
}

const obstacle = trapObstacle();
if (obstacle !== undefined) console.warn(`one access is one access: not tested, ${obstacle}`);

/** Tests every pattern in one tier. */
function testTier(tier: Tier, region: "mapped" | "reset"): void {
  const { report, log } = runChild(tier, region);
  const title = `one access is one access in ${tier.name}${region === "reset" ? ", after a reset" : ""}`;

  describe(title, () => {
    if (report.obstacle !== undefined) {
      console.warn(`${title}: not tested, ${report.obstacle}`);
      it.skip(report.obstacle);
      return;
    }
    for (const { name, expected } of patterns) {
      it(name, () => {
        const observation = report.observations[name]!;
        expectTier(tier, observation, log);
        expect(observation.accesses).toEqual(expected);
      });
    }
  });
}

if (obstacle === undefined) {
  for (const tier of tiers) testTier(tier, "mapped");
  testTier(tiers.find(({ accessor }) => accessor === "inlined")!, "reset");
}

/** Accesses of each pattern that is not as it must be, by the pattern's name. */
function violations(tierName: string, region: RegionName): Record<string, string> {
  const { report } = runChild(tiers.find(({ name }) => name === tierName)!, region);
  if (report.obstacle !== undefined) throw new Error(report.obstacle);
  const wrong = patterns.filter(({ name, expected }) => {
    return report.observations[name]!.accesses.join() !== expected.join();
  });
  return Object.fromEntries(wrong.map(({ name }) => [name, report.observations[name]!.accesses.join(", ")]));
}

describe.skipIf(obstacle !== undefined)("a wrong accessor is caught:", () => {
  // From V8 14 on, repeated reads merge too.
  it("plain elements lose and narrow reads once they are optimised", () => {
    const found = violations("TurboFan, accessor inlined", "plain");
    expect(found).toMatchObject({
      "32 bits of 1: read, result unused": "",
      "32 bits of 1: read, low byte tested": "read 8 @0x0",
      "32 bits of 1: write, flush by an unused read": "write 32 @0x0",
    });
  });

  it("a DataView reads and writes single bytes until it is optimised", () => {
    const found = violations("the interpreter", "dataView");
    expect(found).toMatchObject({
      "32 bits of 1: read, result used": "read 8 @0x0, read 8 @0x1, read 8 @0x2, read 8 @0x3",
      "16 bits of 0x8001: write": "write 8 @0x0, write 8 @0x1",
    });
  });

  it.each(["the interpreter", "TurboFan, accessor inlined"])("Atomics.store exchanges, in %s", (name) => {
    const found = violations(name, "atomics");
    const writes = patterns.filter(({ expected }) => expected.some((access) => access.startsWith("write")));
    expect(Object.keys(found).sort()).toEqual(writes.map((pattern) => pattern.name).sort());
    expect(found["32 bits of 1: write"]).toBe("locked modify 32 @0x0");
  });
});
