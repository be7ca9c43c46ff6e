import { readNamed } from "@userpci/pci-config/named";
import { type CommandCall, ofCommandLine, type Report } from "../../command.ts";
import { hex } from "../../json.ts";
import { formatTable } from "../../table.ts";
import { openTarget } from "../../target/open.ts";
import { notSeen } from "./source.ts";

/** `userpci config get`. */
export async function run(call: CommandCall): Promise<Report> {
  const target = await openTarget(call, { use: "config" });
  try {
    const readings = await ofCommandLine(() => readNamed(target.config, call.rest)).catch(
      (error: unknown) => {
        throw notSeen(call, target, "config get", error);
      },
    );
    const registers = readings.map(({ text: _, ...reading }) => reading);
    return {
      json: { address: target.address, via: target.via, registers },
      lines: registers,
      text: (style) =>
        formatTable(
          [
            { title: "REGISTER", cell: ({ name }) => style.bold(name) },
            { title: "AT", cell: ({ offset }) => hex(offset, 2) },
            {
              title: "VALUE",
              cell: ({ raw, width, value }) => (value === undefined ? hex(raw, width / 4) : valueText(value)),
            },
            { title: "MEANING", cell: ({ text }) => text },
          ],
          readings,
          style,
        ),
    };
  } finally {
    await target.close();
  }
}

const valueText = (value: number | boolean): string =>
  typeof value === "boolean" ? String(Number(value)) : hex(value);
