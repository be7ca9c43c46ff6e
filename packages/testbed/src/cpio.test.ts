import fc from "fast-check";
import { expect, test } from "vitest";
import { type CpioEntry, cpio, DIRECTORY, EXECUTABLE } from "./cpio.ts";

interface Member {
  path: string;
  mode: number;
  links: number;
  data: Buffer;
}

/** A reader written from the format's description: 13 hexadecimal fields after the magic, name and data padded to 4 bytes. */
function parse(archive: Buffer): Member[] {
  const members: Member[] = [];
  for (let at = 0; at < archive.length; ) {
    expect(archive.toString("latin1", at, at + 6)).toBe("070701");
    const field = (index: number) =>
      Number.parseInt(archive.toString("latin1", at + 6 + 8 * index, at + 14 + 8 * index), 16);
    const [mode, links, size, nameSize] = [field(1), field(4), field(6), field(11)];
    const path = archive.toString("utf8", at + 110, at + 110 + nameSize - 1);
    const start = (at + 110 + nameSize + 3) & ~3;
    members.push({ path, mode, links, data: archive.subarray(start, start + size) });
    at = (start + size + 3) & ~3;
  }
  return members;
}

test("a file, its mode and its bytes come back", () => {
  const [directory, file, trailer] = parse(
    cpio([
      { path: "bin", mode: DIRECTORY },
      { path: "bin/tool", mode: EXECUTABLE, data: "#!x\n" },
    ]),
  );
  expect(directory).toMatchObject({ path: "bin", mode: 0o040755, links: 2 });
  expect(file).toMatchObject({ path: "bin/tool", mode: 0o100755, links: 1, data: Buffer.from("#!x\n") });
  expect(trailer).toMatchObject({ path: "TRAILER!!!" });
});

test("any entries come back, also from two archives in a row", () => {
  const entry = fc.record({
    path: fc.string({ minLength: 1, unit: "grapheme-ascii" }).filter((path) => path !== "TRAILER!!!"),
    mode: fc.constantFrom(EXECUTABLE, 0o100600),
    data: fc.uint8Array({ maxLength: 50 }),
  });
  fc.assert(
    fc.property(fc.array(entry), fc.array(entry), (first: CpioEntry[], second: CpioEntry[]) => {
      const members = parse(Buffer.concat([cpio(first), cpio(second)])).filter(
        ({ path }) => path !== "TRAILER!!!",
      );
      expect(members.map(({ path, mode, data }) => [path, mode, [...data]])).toEqual(
        [...first, ...second].map(({ path, mode, data }) => [path, mode, [...(data as Uint8Array)]]),
      );
    }),
  );
});

test("equal input gives equal bytes", () => {
  const entries = [{ path: "a", mode: EXECUTABLE, data: "b" }];
  expect(cpio(entries).equals(cpio(entries))).toBe(true);
});
