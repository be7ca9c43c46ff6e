import { isPciError } from "@userpci/interface";
import { expect, it } from "vitest";
import { decodeBars } from "./bars.ts";
import { buildSpace } from "./builder/build.ts";
import type { SpaceDescription } from "./builder/description.ts";
import { bytesRegion } from "./bytes.ts";
import { type ConfigSpace, configOf } from "./config.ts";
import { parseDump } from "./dump.ts";
import { msixLayout } from "./interrupts.ts";
import { fromJSON } from "./json.ts";
import { parseOperation, resolveOperation } from "./setpci/index.ts";
import { linux, VirtualConfigSpace } from "./virtual/index.ts";

const build = (more: object = {}): Uint8Array<ArrayBuffer> =>
  buildSpace({ vendorId: 0x1234, deviceId: 0x11e8, ...more } as SpaceDescription);
const withCapability = (capability: object, end?: number): ConfigSpace =>
  configOf(bytesRegion(build({ capabilities: [capability] }).slice(0, end)));
const withBars =
  (...bars: readonly unknown[]) =>
  () =>
    build({ bars });
const withExtended =
  (...extendedCapabilities: readonly object[]) =>
  () =>
    build({ capabilities: [{ name: "pcie" }], extendedCapabilities });
const strict = (rows: string) => () => parseDump(`00:00.0 X\n${rows}`, { strict: true });

const memory = { kind: "memory32", size: 0x1000 };
const wide = { kind: "memory64", size: 0x1000 };
const plain = configOf(bytesRegion(build()));
const virtual = (bars: (object | undefined)[] = []) =>
  new VirtualConfigSpace(linux, { region: bytesRegion(build()), bars } as never);

function badMsix(): void {
  const bytes = build({ bars: [memory], capabilities: [{ name: "msix" }] });
  bytes[0x44] = 6;
  msixLayout(configOf(bytesRegion(bytes)).find("msix")!);
}

function useClosed(): void {
  const space = virtual();
  space.close();
  space.read32(0);
}

function cutChannels() {
  const bytes = withExtended({ name: "virtualChannel", lists: { channels: [{}] } })();
  return configOf(bytesRegion(bytes.slice(0, 0x118))).findExtended("virtualChannel")!;
}

function shortRange() {
  const format = { size: 0 };
  return withCapability({
    name: "enhancedAllocation",
    lists: { ranges: [{ format }, { format }] },
  }).find("enhancedAllocation")!;
}

function assignAbsent(): void {
  const msi = withCapability({ name: "msi" }).find("msi")!;
  expect(msi.addressHi).toBeUndefined();
  msi.addressHi = 1;
}

const cases: readonly [what: string, run: () => unknown, hint: RegExp][] = [
  [
    "a register that is cut off",
    () => withCapability({ name: "pm" }, 0x44).find("pm")!.control,
    /at least 6$/,
  ],
  [
    "a register of a list that is cut off with its capability",
    () => cutChannels().channels[0]!.status,
    /where `length` of virtualChannel is at least 28$/,
  ],
  [
    "a register of an entry that says it is shorter",
    () => shortRange().ranges[0]!.maxOffset,
    /has 4 bytes: use only the registers that lie in them$/,
  ],
  ["assigning a register that is not there", assignAbsent, /where it is undefined/],
  ["MSI-X in a BAR that cannot be", badMsix, /use MSI or INTx/],
  [
    "a BAR size that is no number",
    () => decodeBars(configOf(bytesRegion(build({ bars: [memory] }))), [-1]),
    /0x1000/,
  ],
  ["a flag that is a number", () => plain.command.update({ memory: 1 as never }), /true or false/],
  [
    "a number that is a flag",
    () => build({ rom: { size: 0x800 }, header: { rom: { validation: true } } }),
    /give a number/,
  ],
  ["an address with low bits", () => build({ header: { rom: { address: 0x1234 } } }), /give 0x1000 /],
  [
    "I/O that is prefetchable",
    withBars({ kind: "io", size: 32, prefetchable: true }),
    /leave out `prefetchable`/,
  ],
  ["content that is no bytes", () => fromJSON({ content: ["xy"] }), /as toJSON wrote them/],
  ["a line without an end", strict("10: 00"), /newline, the last one too/],
  ["a row behind the end", strict("fff: 12 34\n"), /end the function's rows at ff0/],
  ["a row of other than bytes", strict("10: 123\n"), /one blank before each byte/],
  [
    "a virtual 64-bit BAR in the last place",
    () => virtual([...new Array(5).fill(undefined), wide]),
    /index up to 4/,
  ],
  ["a closed virtual space", useClosed, /make another one/],
  [
    "setpci behind the end",
    () =>
      resolveOperation(
        configOf(bytesRegion(withExtended({ name: "aer" })())),
        parseOperation("ECAP_AER+f00.l"),
      ),
    /the capability lies at 100, and the space ends at 1000/,
  ],
  [
    "a first extended capability elsewhere",
    withExtended({ name: "latencyTolerance", offset: 0x200 }),
    /leave out its `offset`/,
  ],
  [
    "a length that cannot be",
    () => withCapability({ name: "vendor", registers: { length: 2 } }),
    /set it to 3 or more/,
  ],
  [
    "a capability that is too long",
    () =>
      withCapability({
        name: "vendor",
        bytes: new Array(150).fill(0),
        length: 192,
        registers: { length: 200 },
      }),
    /no more than 192/,
  ],
  [
    "an entry behind the end of the area",
    () =>
      withCapability({
        name: "enhancedAllocation",
        lists: { ranges: new Array(10).fill({ format: { size: 4 }, maxOffset: {} }) },
      }),
    /fewer entries/,
  ],
  ["too many BARs", () => build({ layout: "bridge", bars: [memory, memory, memory] }), /give at most 2/],
  ["a 64-bit BAR before another one", withBars(wide, memory), /put undefined into `bars` at 1/],
  ["a 64-bit BAR in the last place", withBars(...new Array(5).fill(undefined), wide), /put it further up/],
  ["an address that does not fit", withBars({ ...memory, address: 2 ** 32 }), /below 4 GiB/],
  ["an address between multiples", withBars({ ...memory, address: 0x1800 }), /give 0x1000 /],
  ["a size that no space has", () => build({ size: 128 }), /leave out `size`/],
  [
    "MSI-X in a BAR that there is not",
    () => withCapability({ name: "msix", registers: { table: { bar: 7 } } }),
    /change what lies at 0x/,
  ],
];

it.each(cases)("%s: the error says what to do", (_what, run, hint) => {
  let thrown: unknown;
  try {
    run();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toSatisfy(isPciError);
  expect(thrown).toMatchObject({ hint: expect.stringMatching(hint) });
});
