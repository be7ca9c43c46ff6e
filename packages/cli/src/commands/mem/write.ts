import { PciError } from "@userpci/interface";
import { type CommandCall, ofCommandLine, type Report } from "../../command.ts";
import { hex } from "../../json.ts";
import { openTarget, requireConsent } from "../../target/open.ts";
import { type AccessBits, accessJson, numberOf, placeOf, readAt, valueText, writeAt } from "./access.ts";

/** `userpci mem write`. */
export async function run(call: CommandCall): Promise<Report> {
  const target = await openTarget(call);
  try {
    const place = await placeOf(call, target);
    const { bar, offset, width } = place;
    const values = await ofCommandLine(() => call.rest.map((text) => wordOf(text, width)));
    await requireConsent(call, target, `a write to BAR ${bar}`);
    using region = target.bar(bar, true);
    const at = values.map((_, turn) => offset + (turn * width) / 8);
    for (const [turn, value] of values.entries()) writeAt(region, width, at[turn]!, value);
    const readBack = call.options["readBack"] === true;
    const writes = values.map((value, turn) => ({
      ...accessJson(place, at[turn]!, value),
      ...(readBack && { now: valueText(readAt(region, width, at[turn]!), width) }),
    }));
    return {
      json: { address: target.address, via: target.via, bar, width, writes },
      lines: writes,
      text: ({ dim }) =>
        writes.map(({ offset: where, value, text, now }) => {
          const words = text === undefined ? "" : `  ${text}`;
          return `${dim(hex(where, 4))} <- ${value}${words}${now === undefined ? "" : `  reads ${now}`}`;
        }),
    };
  } finally {
    await target.close();
  }
}

/** @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for what does not fit the width */
function wordOf(text: string, width: AccessBits): bigint {
  const value = numberOf(text, "value");
  if (value < 1n << BigInt(width)) return value;
  throw new PciError("ERR_OUT_OF_RANGE", `${text} does not fit ${width} bits`, {
    hint:
      width === 64
        ? "give at most 64 bits"
        : `write more at once with --width ${width * 2}, or several values`,
  });
}
