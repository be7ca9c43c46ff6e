import { checkInteger } from "@userpci/interface";
import { type CommandCall, type Report, rangeOfCommandLine } from "../../command.ts";
import { hex } from "../../json.ts";
import { openTarget } from "../../target/open.ts";
import { type AccessJson, accessJson, numberOf, placeOf, readAt } from "./access.ts";

/** Most registers that are read at once; `mem dump` reads more. */
const MOST = 4096;

/** `userpci mem read`. */
export async function run(call: CommandCall): Promise<Report> {
  const target = await openTarget(call);
  try {
    const place = await placeOf(call, target);
    const { bar, offset, width } = place;
    const count = await rangeOfCommandLine(() =>
      checkInteger("count", Number(numberOf(call.arguments[3] ?? "1", "count")), 1, MOST),
    );
    using region = target.bar(bar);
    const values: AccessJson[] = [];
    for (let turn = 0; turn < count; turn++) {
      const at = offset + (turn * width) / 8;
      values.push(accessJson(place, at, readAt(region, width, at)));
    }
    return {
      json: { address: target.address, via: target.via, bar, width, values },
      lines: values,
      text: ({ dim }) =>
        values.map(({ offset: at, value, text }) => {
          return `${dim(hex(at, 4))}  ${value}${text === undefined ? "" : `  ${text}`}`;
        }),
    };
  } finally {
    await target.close();
  }
}
