import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const { Campaign } = await import(new URL("../dist/fuzz/campaign.js", import.meta.url).href);
const main = fileURLToPath(new URL("../dist/fuzz/main.js", import.meta.url));

/** A bundle of one operation. */
const bundle = (body: string): string => `var fuzz = { operations: { broken(input) { ${body} } } };`;
const plan = { executions: 200_000, workers: 2, seed: 1, onProgress: () => {} };

it("finds an error behind several conditions, by what the inputs reach", async () => {
  const body = `if (input[0] === 0x42) { if (input[1] === 0x17) { if (input[2] === 0x99) throw new Error("deep"); } }`;
  const result = await new Campaign(bundle(body), [new Uint8Array(16)]).run(plan);
  expect(result.finding).toMatchObject({ operation: "broken", error: expect.stringContaining("deep") });
  expect([...result.finding.input.subarray(0, 3)]).toEqual([0x42, 0x17, 0x99]);
});

it("ends an execution that does not end, and gives its input", async () => {
  const body = "if (input[5] === 7) for (;;) input[6]++;";
  const result = await new Campaign(bundle(body), [new Uint8Array(16)]).run({ ...plan, hangMs: 5000 });
  expect(result.finding).toMatchObject({ operation: "broken", error: "did not end within 5 s" });
  expect(result.finding.input[5]).toBe(7);
});

const isFull = process.env["USERPCI_SOAK"] === "full";
const executions = isFull ? 10_000_000 : 25_000;
// Inputs that nobody has tried are for the full campaign. Which inputs are tried depends on the seed and the number of threads.
const repeatable = isFull ? [] : ["--seed", "1", "--workers", "2"];

it(`${executions} executions of pci-config's decoders, printers and parsers find nothing`, () => {
  const output = execFileSync(process.execPath, [main, "--executions", String(executions), ...repeatable], {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
  });
  process.stderr.write(output);
  const [, counted, reached, places] = /^(\d+) executions, (\d+) of (\d+) places/.exec(output)!.map(Number);
  expect(counted).toBeGreaterThanOrEqual(executions);
  expect(reached! / places!).toBeGreaterThan(0.7);
});
