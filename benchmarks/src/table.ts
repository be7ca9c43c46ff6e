import type { Result } from "./bench.ts";
import type { Figure } from "./statistics.ts";

const headings = ["", "TypeScript", "C or other", "ratio (quartiles)", "at most", ""] as const;

/** Nanoseconds with three digits: `0.27 ns`, `386 ns`, `7.12 µs`. */
export function formatTime(ns: number): string {
  const [value, unit] = ns < 1000 ? [ns, "ns"] : ns < 1e6 ? [ns / 1000, "µs"] : [ns / 1e6, "ms"];
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0;
  return `${value.toFixed(digits)} ${unit}`;
}

function formatRatio({ median, low, high }: Figure): string {
  return `${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
}

function formatLimits({ limits }: Result): string {
  return limits.map(({ of, atMost }) => `${atMost} x ${of}`).join(", ");
}

function cells(result: Result): string[] {
  const { name, typescript, c, reference, ratio, pass } = result;
  return [
    name,
    formatTime(typescript.median),
    c ? formatTime(c.median) : reference ? `${reference.name} ${formatTime(reference.median)}` : "",
    ratio === null ? "" : formatRatio(ratio),
    formatLimits(result),
    pass === null ? "" : pass ? "ok" : "MISSED",
  ];
}

/** Results for people, in columns, with a heading for each place. */
export function formatTable(results: readonly Result[]): string {
  const lines = [[...headings], ...results.map(cells)];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const text = lines.map((line) => {
    const padded = line.map((cell, i) =>
      i === 0 || i >= 3 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!),
    );
    return padded.join("  ").trimEnd();
  });
  const missed = results.filter(({ pass }) => pass === false).length;
  const checked = results.filter(({ pass }) => pass !== null).length;
  return [...text, "", `${checked - missed} of ${checked} limits kept`].join("\n");
}
