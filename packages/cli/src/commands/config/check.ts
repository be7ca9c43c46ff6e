import { check } from "@userpci/pci-config";
import type { CommandCall, Report } from "../../command.ts";
import { hex } from "../../json.ts";
import { readSource, readTarget } from "./source.ts";

/** `userpci config check`. */
export async function run(call: CommandCall): Promise<Report> {
  const [text] = call.arguments;
  const { name, config, barSizes } = text === undefined ? await readTarget(call) : readSource(call, text);
  const problems = check(config, barSizes === undefined ? {} : { barSizes });
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
