import { PciError } from "@userpci/interface";
import { className, configOf, describe, formatConfig, toJSON } from "@userpci/pci-config";
import { ConfigFile } from "@userpci/sysfs";
import {
  type CommandCall,
  ofCommandLine,
  optionCount,
  optionText,
  type Report,
  treeOf,
  WrongValue,
} from "../command.ts";
import { idOf } from "../function-view.ts";
import { readPciIds } from "../names.ts";
import { detailFacts, functionFacts } from "../show/facts.ts";
import { configLimit } from "../show/limit.ts";
import { type Shown, shownFunction, shownJson } from "../show/shown.ts";
import type { Style } from "../style.ts";

/** How much text tells: identity, abilities and owner; then its place and what it consists of; then every register. */
const DETAILS = 1;
const REGISTERS = 2;

/** `userpci show`. */
export async function run(call: CommandCall): Promise<Report> {
  const dump = optionText(call, "file");
  if (dump !== undefined) {
    refuseRoot(call);
    const { readDump, showDump } = await import("./show-dump.ts");
    return showDump(await ofCommandLine(() => readDump(dump)), dump, call.arguments[0]);
  }
  return showFunction(call);
}

async function showFunction(call: CommandCall): Promise<Report> {
  const tree = treeOf(call);
  const shown = await shownFunction(call.arguments[0]!, tree);
  const { fn } = shown;
  const names = readPciIds(tree.root);
  const depth = optionCount(call, "verbose");
  // The form for programs has all bytes, so that it reads back; text needs those that somebody owns.
  using file = call.json || depth >= REGISTERS ? new ConfigFile(fn.address, tree) : null;
  const limit = configLimit(fn.address, shown.configBytes, Math.min(depth, REGISTERS), tree);
  const options = { barSizes: barSizes(shown) };
  const config = file === null ? null : (call.json ? toJSON : describe)(configOf(file), options);
  return {
    json: { ...shownJson(shown, names), configBytes: shown.configBytes, config },
    text: (style) => [
      `${style.bold(fn.address)}  ${className(fn.classCode)}  ${idOf(fn.vendor, fn.device)}`,
      ...functionFacts(shown, names, limit, style),
      ...(depth >= DETAILS ? detailFacts(shown, limit, style) : []),
      ...(config === null ? [] : ["", ...registers(shown.configBytes, formatConfig(config), limit, style)]),
    ],
  };
}

function registers(
  bytes: number,
  lines: readonly string[],
  limit: string | null,
  { bold, yellow }: Style,
): string[] {
  return [
    bold(`configuration space, ${bytes} bytes`),
    ...(limit === null ? [] : [yellow(`  the rest is ${limit}`)]),
    ...lines.map((line) => `  ${line}`),
  ];
}

/** A file says nothing of the machine that it came from. */
function refuseRoot(call: CommandCall): void {
  if (optionText(call, "root") === undefined) return;
  const message = "a function is shown from a file or from a copied tree, not from both";
  throw new WrongValue(new PciError("ERR_INVALID_ARGUMENT", message, { hint: "leave out --file or --root" }));
}

/** Sizes of BARs 0 to 5; configuration space itself tells them only by being written. */
function barSizes({ fn }: Shown): number[] {
  return Array.from({ length: 6 }, (_, index) => fn.resources.find((bar) => bar.index === index)?.size ?? 0);
}
