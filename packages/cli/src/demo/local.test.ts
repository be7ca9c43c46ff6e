import { expect, it } from "vitest";
import { createStyle } from "../style.ts";
import { runEmulatedDemo } from "./local.ts";
import type { StepReport } from "./step.ts";
import { stepLines } from "./view.ts";

it("drives an edu that is emulated in this process, every step of it", async () => {
  const steps: StepReport[] = [];
  await runEmulatedDemo((step) => steps.push(step));
  expect(steps.map(({ step }) => step)).toEqual([
    "open",
    "config",
    "map",
    "factorial",
    "dma",
    "msi",
    "isolation",
    "close",
  ]);
  const lines = steps.flatMap((step) => stepLines(step, createStyle(false)));
  expect(lines.join("\n")).not.toMatch(/undefined|NaN|\[object/);
  expect(lines.join("\n")).toMatch(/write 32 bar0 \+ 0x8 <- 0x[2-9a-c] {2}FACTORIAL/);
});
