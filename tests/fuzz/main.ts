/**
 * Coverage-guided fuzzing of pci-config: `npm run fuzz -- --executions 10000000`. Ends with status 1 and the input in
 * `findings/` when an operation throws what it must not, reads outside, or does not end.
 *
 * @packageDocumentation
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { parseDump } from "@userpci/pci-config/lspci";
import { Campaign } from "./campaign.ts";
import { bundleOperations } from "./instrument.ts";
import type { Finding } from "./worker.ts";

const usage = `Fuzzes the decoders, printers and parsers of pci-config.

  npm run fuzz [-- options]

  --executions N   how many in all; default 1000000
  --workers N      threads; default one for each processor
  --seed N         begins the pseudo-random numbers; default is new each time, and printed
`;

// This module runs compiled, from tests/dist/fuzz.
const sources = new URL("../../", import.meta.url);
const findings = new URL("fuzz/findings/", sources);
const dumps = new URL("lspci/corpus/", sources);

/** What to begin with: real devices, in several sizes, and what broke something once. */
function seeds(): Uint8Array[] {
  const devices = readdirSync(dumps).flatMap((name) =>
    parseDump(readFileSync(new URL(name, dumps), "latin1")).map(({ bytes }) => bytes),
  );
  const texts = readdirSync(dumps).map((name) => readFileSync(new URL(name, dumps)).subarray(0, 3000));
  return [...devices, ...devices.map((bytes) => bytes.subarray(0, 256)), ...texts, ...readFindings()];
}

function readFindings(): Uint8Array[] {
  if (!existsSync(findings)) return [];
  return readdirSync(findings).map((name) => readFileSync(new URL(name, findings)));
}

function save({ operation, input, error }: Finding): void {
  const name = `${operation.replaceAll(" ", "-")}-${Date.now().toString(36)}.bin`;
  mkdirSync(findings, { recursive: true });
  writeFileSync(new URL(name, findings), input);
  process.stderr.write(`\n${operation}: ${error}\nThe input is tests/fuzz/findings/${name}.\n`);
  process.exitCode = 1;
}

function number(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  process.stderr.write(`--${name} is ${text}, not a number from ${least}\n\n${usage}`);
  process.exit(2);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      executions: { type: "string", default: "1000000" },
      workers: { type: "string", default: String(availableParallelism()) },
      seed: { type: "string", default: String(Date.now() % 2 ** 31) },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return void process.stdout.write(usage);
  const executions = number("executions", values.executions, 1);
  const workers = number("workers", values.workers, 1);
  const seed = number("seed", values.seed, 0);
  process.stderr.write(`fuzz: ${executions} executions on ${workers} threads, --seed ${seed}\n`);
  const campaign = new Campaign(await bundleOperations(), seeds());
  const result = await campaign.run({
    executions,
    workers,
    seed,
    onProgress: (line) => process.stderr.write(`${line}\n`),
  });
  if (result.finding) save(result.finding);
  process.stdout.write(
    `${result.executions} executions, ${result.reached} of ${result.places} places reached, ${result.finding ? 1 : 0} findings\n`,
  );
}

await main();
