import { checkInteger, PciError } from "@userpci/interface";
import { type CommandCall, optionText, type Report, rangeOfCommandLine } from "../../command.ts";
import { type DmaEngine, type DmaRound, engines } from "../../dma-test/engine.ts";
import { idOf, sizeText } from "../../function-view.ts";
import { ProgressLine } from "../../progress-line.ts";
import { knownDevice } from "../../target/known.ts";
import { openTarget, requireConsent } from "../../target/open.ts";
import type { Target } from "../../target/target.ts";
import { numberOf } from "../mem/access.ts";

/** Addresses that every known engine can drive: edu has 28 bits. */
const DMA_BITS = 28;
const ROUNDS = 16;
const MOST_ROUNDS = 1_000_000;

/** `userpci dma test`. */
export async function run(call: CommandCall): Promise<Report> {
  const rounds = await rangeOfCommandLine(() =>
    checkInteger(
      "rounds",
      Number(numberOf(optionText(call, "rounds") ?? String(ROUNDS), "rounds")),
      1,
      MOST_ROUNDS,
    ),
  );
  const target = await openTarget(call, { use: "device", dmaBits: DMA_BITS });
  try {
    await requireConsent(call, target, "a DMA test");
    return await test(call, target, rounds);
  } finally {
    await target.close();
  }
}

async function test(call: CommandCall, target: Target, rounds: number): Promise<Report> {
  const { name, engine } = await startEngine(target);
  const results: DmaRound[] = [];
  try {
    using progress = new ProgressLine(call.terminal);
    let told = performance.now();
    for (let round = 0; round < rounds; round++) {
      const result = await engine.round();
      call.line({ round, ...result });
      results.push(result);
      if (performance.now() - told < 1000) continue;
      told = performance.now();
      progress.update(`${round + 1} of ${rounds} rounds`);
    }
  } finally {
    await engine[Symbol.asyncDispose]();
  }
  const faults = results.flatMap(({ fault }, round) => (fault === null ? [] : [{ round, fault }]));
  const bytes = results.reduce((sum, result) => sum + result.bytes, 0);
  const durationMs = results.reduce((sum, result) => sum + result.durationMs, 0);
  const summary = {
    address: target.address,
    via: target.via,
    engine: name,
    work: engine.work,
    rounds,
    bytes,
    durationMs,
    faults,
  };
  return {
    json: summary,
    text: ({ green, red }) => [
      `${target.address}  ${name}: ${engine.work}`,
      ...faults.slice(0, 10).map(({ round, fault }) => `${red("fault")}  round ${round}: ${fault}`),
      `${faults.length === 0 ? green("sound") : red(`${faults.length} of ${rounds} rounds failed`)}  ${rounds} rounds, ${sizeText(bytes)} in ${durationMs.toFixed(1)} ms; the memory beside was looked at too`,
    ],
    failed: faults.length > 0,
  };
}

async function startEngine(target: Target): Promise<{ name: string; engine: DmaEngine }> {
  const name = (await knownDevice(target))?.name ?? "";
  const load = Object.hasOwn(engines, name) ? engines[name] : undefined;
  if (load !== undefined) return { name, engine: await (await load())(target.device!) };
  const { vendorId, deviceId } = target.config;
  throw new PciError(
    "ERR_NOT_SUPPORTED",
    `no engine is known for ${target.address} (${idOf(vendorId, deviceId)})`,
    {
      hint: `there are engines for ${Object.keys(engines).join(", ")}; a driver of its own tests any other`,
    },
  );
}
