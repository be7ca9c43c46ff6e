import { parseArgs } from "node:util";

/** What the command line asks for. */
export interface Arguments {
  readonly json: boolean;
  /** Whether the rows that need a device are measured too, in a virtual machine. */
  readonly vm: boolean;
  /** Rows whose name contains it; all if empty. */
  readonly filter: string;
  readonly rounds: number;
  readonly help: boolean;
}

export const usage = `Measures what the packages cost, beside the same in C.

  npm run bench [-- options]

  --json          one object with every figure, its quartiles and the ratio to C
  --filter TEXT   only rows whose name contains it
  --no-vm         leave out the rows that need a device, which boot a virtual machine
  --rounds N      rounds of each row, alternating between the languages; default 11
`;

/** @throws Error for an option that is none */
export function parseArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      json: { type: "boolean", default: false },
      vm: { type: "boolean", default: true },
      filter: { type: "string", default: "" },
      rounds: { type: "string", default: "11" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds is ${values.rounds}, not 1 or more`);
  return { ...values, rounds };
}
