import { sizeText } from "../function-view.ts";
import { pad, type Style } from "../style.ts";
import { type StepName, type StepOf, type StepReport, stepTitles } from "./step.ts";

type Sentence<N extends StepName> = (step: StepOf<N>) => readonly string[];

/** Each step in words: a line, and more lines with evidence. */
const sentences: { readonly [N in StepName]: Sentence<N> } = {
  serve: ({ inputs, results }) => [
    `the model "${inputs.model}" by process ${results.pid}, on the socket ${inputs.socket}`,
  ],
  find: ({ inputs, results }) => [
    `${results.address}, id ${inputs.id}, ${results.driver === null ? "no driver" : `on ${results.driver}`}`,
  ],
  bind: ({ inputs, results }) => [
    `to ${results.driver} by root; ${results.nodes.join(", ")} now belongs to uid ${inputs.user}`,
  ],
  group: ({ inputs, results }) => [
    `${inputs.group} is viable: ${results.members.join(", ")}; kept for the platform: ${results.reserved.join(", ") || "nothing"}`,
  ],
  open: ({ inputs, results }) => [
    `by uid ${inputs.uid}${inputs.uid === 0 ? "" : ", not root"}${results.node === "" ? "" : `, through ${results.node}`} (${results.backend})`,
  ],
  config: ({ inputs, results }) => [
    `${inputs.bytes} bytes: ${results.id}, ${results.className}, revision ${results.revision.toString(16)}; ${results.capabilities.join(", ")}`,
  ],
  map: ({ inputs, results }) => [
    `BAR ${inputs.bar}, ${sizeText(results.size)}: edu ${results.version}; wrote ${inputs.livenessWritten}, read its inverse ${results.livenessRead}`,
  ],
  factorial: ({ inputs, results }) => [`the device says ${inputs.n}! = ${results.value}`, ...results.trace],
  dma: ({ inputs, results }) => [
    `${inputs.bytes} random bytes to the device and back are equal (sha256 ${results.sha256Back.slice(0, 16)}…), ${results.lockedBytes} bytes pinned`,
  ],
  msi: ({ inputs, results }) => [
    `${inputs.rounds} raised, each received as an event, after ${microseconds(results.medianMicroseconds)} in the median`,
  ],
  isolation: ({ inputs, results }) => [
    `a write to ${inputs.iova}, no longer mapped, was stopped${stoppedText(results.stoppedAccesses)}; memory unchanged`,
    results.explanation,
    ...(results.fault === undefined ? [] : [results.fault]),
  ],
  close: ({ inputs, results }) => [
    `the kernel counts ${results.lockedBytes} bytes pinned, ${inputs.lockedBefore} before; use after close throws ${results.useAfterClose}`,
  ],
  stop: ({ inputs, results }) => [`process ${inputs.pid}, with status ${results.status}`],
  release: ({ results }) => [
    results.driver === null ? "without a driver, as it was" : `to ${results.driver}`,
  ],
};

const TITLE_WIDTH = Math.max(...Object.values(stepTitles).map((title) => title.length));

/** A step as lines for people. */
export function stepLines(step: StepReport, style: Style): string[] {
  // The table has the sentence of this very step; TypeScript cannot relate the two.
  const [line, ...evidence] = (sentences[step.step] as Sentence<StepName>)(step as StepOf<StepName>);
  const title = pad(stepTitles[step.step], TITLE_WIDTH);
  const duration = style.dim(`${step.durationMs.toFixed(step.durationMs < 10 ? 1 : 0)} ms`);
  return [
    `  ${style.green("✓")} ${style.bold(title)}  ${line}  ${duration}`,
    ...evidence.map((text) => `    ${pad("", TITLE_WIDTH)}  ${style.dim(text)}`),
  ];
}

function stoppedText(accesses: number | null | undefined): string {
  return accesses === null || accesses === undefined ? "" : ` by the IOMMU, ${accesses} accesses`;
}

function microseconds(value: number): string {
  return value < 1000 ? `${Math.round(value)} µs` : `${(value / 1000).toFixed(1)} ms`;
}
