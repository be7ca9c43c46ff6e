import { afterAll, describe, expect, it } from "vitest";
import { Random } from "../vm/harness/random.ts";
import { Reference } from "./reference.ts";
import { dumpOf, withCapability } from "./space.ts";

const reference = await Reference.open();
afterAll(() => reference?.[Symbol.dispose]());

const whole = dumpOf([withCapability(0x01, 64)]);
const zeros = " 00".repeat(16);

/** Lines that are rows, headings, or nearly so. */
const lines = [
  ...["00:01.0 X", "00:01.0", "00:01.0\tX", "00:01.0  ", "0:01.0 X", "00:01.a X", "00:20.9 X", "AB:1F.7 X"],
  ...["0001:00:00.0 X", "1:00:00.0 X", "10000:00:00.0 X", "FFFFFF:00:00.0 X", "1000000:00:00.0 X"],
  ...[
    `00:${zeros}`,
    `10:${zeros}`,
    `30:${zeros} `,
    `40:${zeros}${zeros}`,
    "00: 86 80",
    "0000: 86 80",
    "ff0: 01",
  ],
  ...[
    "40: 12  34",
    "40:\t12 34",
    "40: 12\t34",
    "40: 12 34  ",
    "40: 1",
    "40: 123",
    "40: 12 zz",
    "40: AB cd",
    "40: 12 |.|",
  ],
  ...[
    "40:",
    "40: ",
    "40:12",
    "0: 12",
    "000000040: 12",
    "fff: 12",
    "fff: 12 34",
    "1000: 12",
    "1000: ",
    "add: words",
  ],
  ...[
    "",
    " ",
    "\t",
    "words",
    "# 40: 12",
    "> 40: 12",
    "[ 0.1] 00:01.0 X",
    "\tFlags: 10: 20",
    "wo\0rds",
    "z".repeat(253),
    "z".repeat(254),
  ],
];

function randomDump(random: Random): string {
  const end = random.pick(["\n", "\n", "\r\n"]);
  const plain = lines.filter((line) => !line.includes("\0") && line.length < 253);
  const some = Array.from({ length: 1 + random.number(12) }, () =>
    random.once(20) ? random.pick(lines) : random.pick(plain),
  );
  const text = [random.once(2) ? whole.trim() : "", ...some].join("\n").replaceAll("\n", end);
  return random.once(8) ? text : text + end;
}

describe.skipIf(reference === undefined)("on dumps that are hardly any", () => {
  const compare = (dump: string) => {
    const args = ["-n", "-xxxx", ...reference!.dump(dump)];
    const real = reference!.real(args);
    if (!real.died) expect(reference!.ours(args).text, JSON.stringify(dump)).toBe(real.text);
  };

  it("reads or refuses each line behind a function", () => {
    for (const line of lines)
      for (const end of ["\n", "\r\n", "", "\n\n40: 12\n"]) compare(`${whole.trim()}\n${line}${end}`);
  });

  it("reads or refuses any lines", () => {
    const random = new Random(20101123);
    for (let i = 0; i < 200; i++) compare(randomDump(random));
  });
});
