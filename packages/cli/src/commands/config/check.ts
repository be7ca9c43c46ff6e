import { check, type Problem } from "@userpci/pci-config";
import type { CommandCall, Report } from "../../command.ts";
import { hex } from "../../json.ts";
import { noteShort, readSource, readTarget } from "./source.ts";

/** `userpci config check`. */
export async function run(call: CommandCall): Promise<Report> {
  const [text] = call.arguments;
  const source = text === undefined ? await readTarget(call) : await readSource(call, text);
  const { name, config, barSizes } = source;
  noteShort(call, [source], "config check");
  const problems = check(config, barSizes === undefined ? {} : { barSizes }).map(unseen);
  const errors = problems.filter(({ severity }) => severity === "error").length;
  return {
    json: { source: name, configBytes: config.size, errors, warnings: problems.length - errors, problems },
    lines: problems,
    text: ({ red, yellow, green, dim }) =>
      problems.length === 0
        ? [`${green("sound")}  ${name}, ${config.size} bytes`]
        : problems.map(({ severity, code, offset, message }) => {
            const mark = severity === "error" ? red("error  ") : yellow("warning");
            return `${mark}  at ${hex(offset, 2)}: ${message} ${dim(`(${code})`)}`;
          }),
    failed: errors > 0,
  };
}

/** What this user may not read, or a file does not have, is no fault of the device. */
const unseen = (problem: Problem): Problem =>
  problem.code === "short-region" ? { ...problem, severity: "warning" } : problem;
