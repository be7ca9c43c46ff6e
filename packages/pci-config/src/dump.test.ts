import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDump } from "./dump.ts";

const row = (at: string, bytes: string) => `${at}: ${bytes}`;
const zeros = Array.from({ length: 16 }, () => "00").join(" ");

describe("parseDump", () => {
  it("reads functions among lines of any kind", () => {
    const text = [
      "# taken on Friday",
      "lspci: cannot do this or that",
      '00:1f.2 SATA controller: Vendor "x" (rev 02)',
      "\tFlags: bus master, 10: not a row",
      row("00", "86 80 22 29 06 04 10 00"),
      "",
      "some words",
      row("10", `${zeros}  ................`),
      "10000:E1:00.0 Class 0108",
      row("00", "8D 14"),
    ].join("\r\n");
    const functions = parseDump(text);
    expect(functions.map(({ bytes, ...address }) => [address, bytes.length])).toEqual([
      [{ domain: 0, bus: 0, device: 0x1f, function: 2 }, 32],
      [{ domain: 0x10000, bus: 0xe1, device: 0, function: 0 }, 2],
    ]);
    expect([...functions[0]!.bytes.subarray(0, 10)]).toEqual([
      0x86, 0x80, 0x22, 0x29, 6, 4, 0x10, 0, 0xff, 0xff,
    ]);
    expect([...functions[1]!.bytes]).toEqual([0x8d, 0x14]);
  });

  it("takes what a row leaves out for ones, and nothing past 4096 bytes", () => {
    const [fn] = parseDump(`00:00.0 X\n${row("20", "01")}\n${row("fff", "02 03")}\n${row("2000", "04")}\n`);
    expect(fn!.bytes.length).toBe(4096);
    expect([fn!.bytes[0x1f], fn!.bytes[0x20], fn!.bytes[0xffe], fn!.bytes[0xfff]]).toEqual([
      0xff, 1, 0xff, 2,
    ]);
  });

  it("ignores rows before the first function, and keeps a function without rows", () => {
    expect(parseDump(`${row("00", "01 02")}\n00:01.0\n`)[0]!.bytes.length).toBe(0);
    expect(parseDump("")).toEqual([]);
  });

  it("reads every space as it is printed, whatever of it is zero", () => {
    const byte = fc.tuple(fc.nat(4095), fc.nat(255));
    const digits = (value: number) => value.toString(16).padStart(2, "0");
    fc.assert(
      fc.property(fc.array(byte), fc.constantFrom(64, 256, 4096), fc.boolean(), (set, size, backwards) => {
        const bytes = new Uint8Array(size);
        for (const [at, value] of set) bytes[at % size] = value;
        const rows = Array.from({ length: size / 16 }, (_, index) =>
          row(digits(16 * index), Array.from(bytes.subarray(16 * index, 16 * index + 16), digits).join(" ")),
        );
        if (backwards) rows.reverse();
        const [first, second] = parseDump(`00:00.0\n${rows.join("\n")}\n00:01.0\n${row("10", zeros)}\n`);
        expect(first!.bytes).toEqual(bytes);
        expect([...second!.bytes]).toEqual([...Array(16).fill(0xff), ...Array(16).fill(0)]);
      }),
    );
  });

  it("takes any text", () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom("00:00.0 X", "ff:1f.7", "10: 00", "fff: 11 22", "ffffffff: 00", "\u0000"),
      fc.stringMatching(/^[0-9a-f:. ]{0,40}$/),
    );
    fc.assert(
      fc.property(fc.array(line), fc.constantFrom("\n", "\r\n"), (lines, end) => {
        for (const { bytes } of parseDump(lines.join(end))) expect(bytes.length).toBeLessThanOrEqual(4096);
      }),
    );
  });
});

describe("parseDump as strict as lspci", () => {
  const strict = (text: string) => parseDump(text, { strict: true });
  const whole = `00:00.0 X\n${row("00", zeros)}\n`;

  it("reads what lspci printed, with any line between, and ends a function at an empty line", () => {
    const [fn, ...others] = strict(
      `# words\n${whole}\tFlags: any\n\n${row("10", zeros)}\n`.replaceAll("\n", "\r\n"),
    );
    expect(fn!.bytes.length).toBe(16);
    expect(others).toEqual([]);
  });

  it.each([
    ["Malformed line", `${row("40", "12  34")}\n`],
    ["Malformed line", `${row("40", "12\t34")}\n`],
    ["Malformed line", `${row("40", "123")}\n`],
    ["Malformed line", "add: words\n"],
    ["Malformed line", `${row("1000", "zz")}\n`],
    ["At most 4096 bytes of config space are supported", `${row("fff", "12 34")}\n`],
    ["Line too long or unterminated", "words"],
    ["Line too long or unterminated", `${"x".repeat(254)}\n`],
    ["Line too long or unterminated", "wo\0rds\n"],
  ])("says %s of %j", (words, line) => {
    expect(() => strict(whole + line)).toThrow(`dump: ${words}`);
    expect(parseDump(whole + line)).toHaveLength(1);
  });
});
