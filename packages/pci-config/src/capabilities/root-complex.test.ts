import { expect, it } from "vitest";
import type { ExtendedCapabilityToBuild } from "../builder/index.ts";
import { expressFunction } from "../testing/express-function.ts";

const decode = (...capabilities: ExtendedCapabilityToBuild[]) =>
  expressFunction({ capabilities: { version: 2, portType: 4 } }, ...capabilities);

it("finds the links of an element of the root complex", () => {
  const declaration = decode({
    name: "rootLinkDeclaration",
    registers: { self: { type: 1, links: 2, component: 3, port: 4 } },
    lists: {
      links: [
        { description: { valid: true, targetPort: 9 }, addressLo: 0xfed1_c000, addressHi: 1 },
        { description: { type: 1 }, addressLo: 0x000e_0000 },
      ],
    },
  }).findExtended("rootLinkDeclaration")!;
  expect(declaration.length).toBe(0x30);
  expect(declaration.self.read()).toEqual({ type: 1, links: 2, component: 3, port: 4 });
  expect(
    declaration.links.map(({ description, addressLo }) => [description.valid, description.type, addressLo]),
  ).toEqual([
    [true, 0, 0xfed1_c000],
    [false, 1, 0x000e_0000],
  ]);
});

it("has the further buses of an event collector since version 2", () => {
  const [first, second] = [1, 2].map(
    (version) =>
      decode({ name: "eventCollectorAssociation", version, registers: { devices: 6 } }).findExtended(
        "eventCollectorAssociation",
      )!,
  );
  expect([first!.length, first!.devices, first!.buses]).toEqual([8, 6, undefined]);
  expect([second!.length, second!.buses?.read()]).toEqual([12, { first: 0, last: 0 }]);
});

it("has the registers of an internal link, as those of other links", () => {
  const config = decode({
    name: "rootLinkControl",
    registers: {
      linkCapabilities: { maximumSpeed: 3, maximumWidth: 8, speeds: 7 },
      linkStatus: { width: 4 },
    },
  });
  const { linkCapabilities, linkStatus } = config.findExtended("rootLinkControl")!;
  expect(linkCapabilities.raw).toBe(0x001c_0083);
  expect(linkStatus.width).toBe(4);
});
