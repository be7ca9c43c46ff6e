import type { Scenario } from "../scenario.ts";
import { deviceScenario } from "./device.ts";
import { mappedScenario, messageDmaScenario, twinScenario } from "./dma.ts";
import { dirtyScenario, featureScenario } from "./features.ts";
import { lineScenario, messageScenario } from "./irqs.ts";
import { refusalScenario, registerScenario } from "./registers.ts";

/** Bytes of every command and every answer, for the device of `benchmarks/c/vfio-user/device.h`, written from the specification. */
export const scenarios: readonly Scenario[] = [
  deviceScenario,
  registerScenario,
  refusalScenario,
  messageScenario,
  lineScenario,
  mappedScenario,
  messageDmaScenario,
  twinScenario,
  featureScenario,
  dirtyScenario,
];
