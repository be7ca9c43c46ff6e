import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

it("the edu driver does its whole job on a model without the addon, which is not even tried", () => {
  const program = fileURLToPath(new URL("job.mjs", import.meta.url));
  const output = execFileSync(process.execPath, [program], { encoding: "utf8", timeout: 30_000 });
  const done = { alive: true, factorial: 479_001_600, copied: true };
  expect(JSON.parse(output)).toEqual({
    found: ["polling", "msi", "intx"].map((way) => ({ way, ...done })),
    events: 1,
    tried: [],
  });
});
