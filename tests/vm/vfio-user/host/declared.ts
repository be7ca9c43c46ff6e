import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BarModel, BarNumber, DeviceModel } from "@userpci/device-model";
import { buildSpace } from "@userpci/pci-config/builder";

const userpci = fileURLToPath(new URL("../../../../packages/cli/bin/userpci.js", import.meta.url));
const numbers: readonly BarNumber[] = [0, 1, 2, 3, 4, 5];

/** What is the machine's business: where it put the function, what it enabled, and who drives it. */
const ofTheMachine = [
  /^\t(Physical Slot|Control|Latency|IOMMU group|Kernel (driver|modules)|Region \d).*\n/gm,
  // Error reporting, in Device Control of PCI Express.
  /(?<=\tDevCtl:).*/g,
  /^\S+(?= )/g,
  / routed to IRQ \d+/g,
  /\n+$/,
];

/** What lspci printed of a function, without what the machine decides. */
export const ownText = (printed: string): string =>
  ofTheMachine.reduce((text, decided) => text.replace(decided, ""), printed);

/** What lspci printed of a function's BARs, wherever they lie. */
export const barText = (printed: string): string[] =>
  [...printed.matchAll(/^\t(Region \d: \w+)( \w+)? at \w+ (.*)$/gm)].map(
    ([, name, , rest]) => `${name} ${rest}`,
  );

/** {@link barText} of a model's BARs. */
export const declaredBars = ({ bars = {} }: DeviceModel): string[] =>
  numbers.flatMap((number) => {
    const bar = bars[number];
    return bar ? [`Region ${number}: ${shapeText(bar)} [size=${sizeText(bar.size)}]`] : [];
  });

function shapeText({ kind, prefetchable }: BarModel): string {
  if (kind === "io") return "I/O";
  return `Memory (${kind === "memory64" ? 64 : 32}-bit, ${prefetchable ? "" : "non-"}prefetchable)`;
}

const sizeText = (size: number): string => (size < 2 ** 20 ? `${size / 2 ** 10}K` : `${size / 2 ** 20}M`);

/** What our lspci prints of the configuration space that a model declares, with the names in `ids`. */
export function declaredText(model: DeviceModel, ids: string): string {
  const folder = mkdtempSync(join(tmpdir(), "userpci-declared-"));
  try {
    const path = join(folder, "dump.txt");
    writeFileSync(path, dumpOf(model));
    const args = [userpci, "lspci", "-i", ids, "-F", path, "-vvvnn"];
    return execFileSync(process.execPath, args, { encoding: "utf8" });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Its configuration space, as `lspci -xxxx` prints one. */
function dumpOf({ config, bars = {} }: DeviceModel): string {
  const shapes = numbers.map((number) => {
    const bar = bars[number];
    return bar && { kind: bar.kind, size: bar.size, prefetchable: bar.prefetchable ?? false };
  });
  const space = buildSpace({ ...config, bars: shapes });
  const lines = Array.from({ length: space.length / 16 }, (_, row) => {
    const bytes = [...space.subarray(16 * row, 16 * row + 16)];
    return `${hex(16 * row)}: ${bytes.map(hex).join(" ")}`;
  });
  return `00:00.0 Device\n${lines.join("\n")}\n`;
}

const hex = (value: number): string => value.toString(16).padStart(2, "0");
