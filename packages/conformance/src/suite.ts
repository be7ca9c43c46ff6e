import { differences as allDifferences, type Difference } from "./differences.ts";
import type { Subject } from "./subject.ts";
import { dmaTests } from "./tests/dma.ts";
import { domainTests } from "./tests/domain.ts";
import { featureTests } from "./tests/features.ts";
import { irqTests } from "./tests/irqs.ts";
import { mapperTests } from "./tests/mapper.ts";
import { memoryTests } from "./tests/memory.ts";
import { openTests } from "./tests/open.ts";
import { regionTests } from "./tests/regions.ts";
import { resetTests } from "./tests/resets.ts";
import { stateTests } from "./tests/states.ts";
import { unplugTests } from "./tests/unplug.ts";
import { ConformanceError, Trial } from "./trial.ts";

/** A test, for any runner: it throws, or rejects, to fail. */
export interface ConformanceTest {
  readonly name: string;
  /** Runs it. Rejects with what is wrong. */
  run(): Promise<void>;
}

/** A test as a chapter of the suite declares it. */
export interface Chapter {
  readonly [name: string]: (trial: Trial) => Promise<void> | void;
}

/** Choices of {@link conformance}. */
export interface ConformanceOptions {
  /** Accepted differences; default: those of the backends in this repository. */
  readonly differences?: readonly Difference[];
  /** Takes what the last test has to say of the whole: how much was observed. Default: `console.log`. */
  readonly report?: (line: string) => void;
}

const chapters: readonly Chapter[] = [
  openTests,
  stateTests,
  regionTests,
  irqTests,
  domainTests,
  mapperTests,
  memoryTests,
  resetTests,
  featureTests,
  dmaTests,
  unplugTests,
];

/**
 * The tests that every backend passes, to be given to a test runner in this order. The last one fails if a listed
 * difference was not met, and reports the counts.
 */
export function conformance(
  subject: Subject,
  { differences = allDifferences, report = console.log }: ConformanceOptions = {},
): ConformanceTest[] {
  const trial = new Trial(subject, differences);
  const tests = chapters.flatMap((chapter) =>
    Object.entries(chapter).map(([name, test]) => ({ name, run: async () => test(trial) })),
  );
  const last = {
    name: "every listed difference was met",
    run: async () => finish(trial, tests.length, report),
  };
  return [...tests, last];
}

function finish(trial: Trial, tests: number, report: (line: string) => void): void {
  const { observations, differences, refused } = trial.counts;
  for (const what of trial.leftOut) report(`${trial.subject.backend}: left out: ${what}`);
  report(
    `${trial.subject.backend}: ${tests} tests, ${observations} observations, ${differences} listed differences met, ${refused} absent features refused`,
  );
  if (trial.unmet.length === 0) return;
  throw new ConformanceError(
    `differences that no test has met: ${trial.unmet.map(({ what }) => what).join("; ")}`,
  );
}
