import { expect, it } from "vitest";
import { buildSpace } from "../builder/build.ts";
import type { CapabilityToBuild } from "../builder/description.ts";
import { bytesRegion } from "../bytes.ts";
import { configOf } from "../config.ts";
import { describe } from "../describe.ts";

const configWith = (vendorId: number, deviceId: number, ...capabilities: CapabilityToBuild[]) =>
  configOf(bytesRegion(buildSpace({ vendorId, deviceId, capabilities })));

/** The registers of the capability but its length: words, else fields that are not 0, else the number. */
const contentOf = (...given: Parameters<typeof configWith>) =>
  describe(configWith(...given)).capabilities.map(({ registers: { length: _, ...others } }) =>
    Object.fromEntries(
      Object.entries(others).map(([name, { raw, words, fields }]) => [name, words ?? fields ?? raw]),
    ),
  );

it("describes where the regions of a virtio function are", () => {
  const notify = {
    length: 0x14,
    virtioType: { region: 2 },
    virtioBar: 4,
    virtioOffset: 0x3000,
    virtioSize: 0x1000,
    virtioMultiplier: 4,
  };
  const shared = { length: 0x18, virtioType: { region: 8 }, virtioId: 1, virtioOffsetHi: 2, virtioSizeHi: 3 };
  expect(
    contentOf(0x1af4, 0x1041, { name: "vendor", registers: notify }, { name: "vendor", registers: shared }),
  ).toEqual([
    {
      virtioType: { region: "notifications" },
      virtioBar: 4,
      virtioId: 0,
      virtioOffset: 0x3000,
      virtioSize: 0x1000,
      virtioMultiplier: 4,
    },
    {
      virtioType: { region: "shared memory" },
      virtioBar: 0,
      virtioId: 1,
      virtioOffset: 0,
      virtioSize: 0,
      virtioOffsetHi: 2,
      virtioSizeHi: 3,
    },
  ]);
});

it("describes as many of Intel's capability registers as its length has", () => {
  const content = (length: number, head: number) =>
    contentOf(0x8086, 0x1237, {
      name: "vendor",
      bytes: [length, head, 4, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0].slice(0, length - 2),
    }).map((found) => Object.keys(found));
  expect(content(0x10, 1)).toEqual([["intelHeader", "intelA", "intelB", "intelC"]]);
  expect(content(0x0c, 1)).toEqual([["intelHeader", "intelA", "intelB"]]);
  expect(content(0x10, 2)).toEqual([["intelHeader"]]);
  expect(content(0x10, 0x11)).toEqual([["intelHeader"]]);
});

it("knows nothing of what others keep there, nor of what is too short", () => {
  const registers = { length: 0x14 };
  expect(contentOf(0x1234, 0x1041, { name: "vendor", registers })).toEqual([{}]);
  expect(contentOf(0x1af4, 0x1110, { name: "vendor", registers })).toEqual([{}]);
  expect(contentOf(0x1af4, 0x1041, { name: "vendor", registers: { length: 0x0c } })).toEqual([{}]);
});
