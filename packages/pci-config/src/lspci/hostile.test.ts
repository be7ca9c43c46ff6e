import fc from "fast-check";
import { expect, it } from "vitest";
import { PciIds } from "../ids.ts";
import { parseVpd } from "../vpd.ts";
import type { LspciDevice } from "./device.ts";
import { listText } from "./list.ts";
import type { LspciOptions } from "./options.ts";
import { treeText } from "./tree.ts";

const options: LspciOptions = {
  verbosity: 3,
  idStyle: "both",
  ids: PciIds.parse(""),
  machine: 0,
  hexLevel: 0,
  showDomains: false,
  showKernel: false,
  busCentric: false,
  pathLevel: 2,
};

const size = fc.constantFrom(0, 1, 15, 63, 64, 65, 128, 256, 260, 300, 4096);
const space = size.chain((length) => fc.uint8Array({ minLength: length, maxLength: length }));

/** Bytes that look like a device, so that printers have something to print. */
const plausible = space.map((bytes) => {
  const shaped = Uint8Array.from(bytes);
  shaped.set([0x86, 0x80, 0, 0, 7, 4, 0x10, 0].slice(0, shaped.length));
  if (shaped.length > 0x34) shaped.set([shaped[0x0e]! % 3], 0x0e);
  if (shaped.length > 0x44) shaped.set([0x10, 0, shaped[0x42]!, shaped[0x43]!], 0x40);
  if (shaped.length > 0x34) shaped[0x34] = 0x40;
  return shaped;
});

const address = fc.record({
  domain: fc.nat(1),
  bus: fc.nat(3),
  device: fc.nat(2),
  function: fc.nat(1),
});

const device: fc.Arbitrary<LspciDevice> = fc.record({ address, bytes: fc.oneof(space, plausible) });

it("prints any bytes, in lines", () => {
  fc.assert(
    fc.property(device, (one) => {
      expect(listText([one], options)).toMatch(/^[0-9a-f:./]+ .*\n(.*\n)*$/);
    }),
    { numRuns: 300 },
  );
});

it("finds its way between bridges that lead to each other, and to themselves", () => {
  const bridge = fc
    .record({ address, numbers: fc.array(fc.nat(3), { minLength: 3, maxLength: 3 }) })
    .map(({ address, numbers }): LspciDevice => {
      const bytes = new Uint8Array(64);
      bytes.set([4, 6, 0, 0, 1], 0x0a);
      bytes.set(numbers, 0x18);
      return { address, bytes };
    });
  fc.assert(
    fc.property(fc.array(bridge, { maxLength: 8 }), fc.nat(3), (devices, bus) => {
      expect(treeText(devices, options).length).toBeLessThan(100_000);
      treeText(devices, options, (one) => one.address.bus === bus);
      listText(devices, options);
    }),
  );
});

it("reads any vital product data", () => {
  const tags = fc.constantFrom(0x82, 0x90, 0x91, 0x78, 0x83, 0, 0xff, 4);
  fc.assert(
    fc.property(fc.array(fc.oneof(tags, fc.nat(255)), { maxLength: 400 }), (numbers) => {
      const bytes = Uint8Array.from(numbers);
      for (const item of parseVpd(bytes).items) {
        if (item.kind === "fields") for (const field of item.fields) expect(field.keyword).toHaveLength(2);
      }
      const vpd = {
        address: { domain: 0, bus: 0, device: 0, function: 0 },
        bytes: withVpd(),
        system: { vpd: bytes },
      };
      expect(listText([vpd], options)).toContain("Vital Product Data\n");
    }),
  );
});

function withVpd(): Uint8Array {
  const bytes = new Uint8Array(256);
  bytes[0x06] = 0x10;
  bytes[0x34] = 0x40;
  bytes[0x40] = 0x03;
  return bytes;
}
