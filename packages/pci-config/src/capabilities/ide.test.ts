import { expect, it } from "vitest";
import { bytesRegion } from "../bytes.ts";
import { configOf } from "../config.ts";
import { expressBytes } from "../testing/express-function.ts";
import { strictRegion } from "../testing/regions.ts";

const TWO_LINK_AND_TWO_SELECTIVE = 3 | (1 << 13) | (1 << 16);
const FIRST = 0x100;
const SELECTIVE = FIRST + 0x0c + 2 * 8;

/** A space with two streams of each kind; the first selective one has three associations. */
function space() {
  const bytes = expressBytes(
    { capabilities: { version: 2 } },
    { name: "ide", registers: { control: { flowThrough: true } } },
  );
  const region = bytesRegion(bytes);
  region.write32(FIRST + 4, TWO_LINK_AND_TWO_SELECTIVE);
  region.write32(FIRST + 0x0c + 8, 0x2a00_0001);
  region.write32(SELECTIVE, 3);
  region.write32(SELECTIVE + 20 + 2 * 12, 0xfff0_0101);
  region.write32(SELECTIVE + 20 + 3 * 12 + 4, 0x0040_0000);
  return bytes;
}

it("finds streams of all kinds, and their associations", () => {
  const ide = configOf(bytesRegion(space())).findExtended("ide")!;
  expect(ide.control.flowThrough).toBe(true);
  expect(ide.linkStreams.map(({ control }) => [control.enable, control.streamId])).toEqual([
    [false, 0],
    [true, 0x2a],
  ]);
  expect(
    ide.selectiveStreams.map(({ capability, control }) => [capability.associations, control.default]),
  ).toEqual([
    [3, false],
    [0, true],
  ]);
  expect(ide.addressAssociations.map(({ low }) => low.read())).toEqual([
    { valid: false, base: 0, limit: 0 },
    { valid: false, base: 0, limit: 0 },
    { valid: true, base: 1, limit: 0xfff },
  ]);
  expect(ide.length).toBe(0x0c + 2 * 8 + 2 * 20 + 3 * 12);
});

it("has of a space that ends too soon the streams that are there", () => {
  const bytes = space().slice(0, SELECTIVE + 8);
  const config = configOf(bytesRegion(bytes));
  const ide = config.findExtended("ide")!;
  expect([ide.linkStreams.length, ide.selectiveStreams.length]).toEqual([2, 1]);
  expect(() => ide.selectiveStreams[0]!.status.raw).toThrow(
    "ide.selectiveStreams at 0x11c has 8 bytes, too short for its Selective IDE Stream Status",
  );
  expect(config.problems.map(({ code }) => code)).toContain("past-end");
});

it("looks for no stream behind the config space, also where the region goes on", () => {
  const bytes = new Uint8Array(8192).fill(0xff);
  bytes.set(space());
  const region = bytesRegion(bytes);
  region.write32(FIRST + 4, 2 | (0xff << 16));
  for (let at = FIRST + 0x0c; at < 4096; at += 4) region.write32(at, 15);
  const { problems } = configOf(strictRegion(bytes, 10_000));
  expect(problems.map(({ code, offset }) => [code, offset])).toContainEqual(["past-end", FIRST]);
});
