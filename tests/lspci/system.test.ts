import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Random } from "../vm/harness/random.ts";
import { Tally } from "./compare.ts";
import { generators } from "./generate.ts";
import { Reference } from "./reference.ts";
import { FIRST, withCapability } from "./space.ts";
import { type SysfsFunction, writeSysfs } from "./sysfs.ts";

const reference = await Reference.open();
afterAll(() => reference?.[Symbol.dispose]());

type Range = readonly [bigint, bigint, number];
const NONE: Range = [0n, 0n, 0];
const OWN = 7;
/** Flags of memory, I/O, wide and prefetchable ranges, ROMs and enhanced allocation (`include/linux/ioport.h`). */
const flags = [0x40200, 0x40101, 0x14220c, 0x42208, 0x200, 0x20040200, 0x220, 0x46200];

function range(random: Random, kind: number): Range {
  if (random.once(6)) return NONE;
  const size = 2n ** BigInt(4 + random.number(20));
  const start = random.once(3)
    ? 0n
    : BigInt(random.number(2 ** 20)) * 4096n + (random.once(6) ? 2n ** 38n : 0n);
  return [start, start + size - 1n, kind];
}

/** Lines of a kernel with or without virtual functions; the last four are a bridge's windows. */
function resources(random: Random, isBridge: boolean): Range[] {
  const count = random.pick([OWN, 11, 13, 17, 17, 17]);
  const lines = Array.from({ length: count }, (_, index) =>
    index < OWN ? range(random, random.pick(flags)) : NONE,
  );
  if (!isBridge || count < 11) return lines;
  for (const [index, kind] of [0x101, 0x200, 0x102201].entries()) {
    const start = BigInt(random.number(2 ** 20)) * 4096n;
    if (!random.once(3))
      lines[count - 4 + index] = [start, start + BigInt(random.number(99)) * 4096n + 4095n, kind];
  }
  return lines;
}

/** Letters, what lspci escapes, and parts of UTF-8, whole or not. */
const textBytes = [0x41, 0x7a, 0x20, 0x00, 0x0a, 0x5c, 0x7f, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0xff];
const productData = Uint8Array.from([0x82, 2, 0, 0x41, 0x42, 0x90, 5, 0, 0x50, 0x4e, 2, 0x31, 0x32, 0x78]);

function sysfsFunction(random: Random): SysfsFunction {
  const make = random.once(3)
    ? generators["header"]!
    : generators[random.pick(["vital product data", "chain", "MSI", "PCI Express"])]!;
  const made = make(random);
  const config = made.length < 64 ? Uint8Array.from({ length: 64 }, (_, at) => made[at] ?? 0) : made;
  // Other layouts have no driver on any system.
  if ((config[0x0e]! & 0x7f) > 2) config[0x0e] = 0;
  const maybe = <T>(value: T) => (random.once(2) ? value : undefined);
  const values = {
    numaNode: maybe(random.number(4) - 1),
    iommuGroup: maybe(`${random.number(50)}`),
    driver: maybe(`driver${random.number(5)}`),
    label: maybe(`Slot ${random.number(9)}`),
    deviceTree: maybe(`soc/pcie@${random.number(5)}`),
    messageIrqs: maybe(Array.from({ length: random.number(6) }, () => random.number(40))),
    vpd: maybe(productData),
  };
  const present = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
  return {
    config,
    irq: random.once(3) ? 0 : random.number(256),
    resources: resources(random, (config[0x0e]! & 0x7f) === 1),
    subsystem: [random.once(3) ? 0 : random.number(0x10000), random.number(0x10000)],
    ...present,
  };
}

describe.skipIf(reference === undefined)("on a made-up system", () => {
  const commands = ["-v", "-vv", "-vvv", "-vvb", "-k", "-vmmk", "-mm", "-nnv", "-vx"];
  it.each(commands)("lspci %s", (command) => {
    const tally = new Tally();
    for (const seed of [1, 2, 3]) {
      const random = new Random(seed);
      const addresses = Array.from(
        { length: 40 },
        (_, index) => `0000:00:${index.toString(16).padStart(2, "0").slice(-2)}.${index % 8}`,
      );
      const functions = new Map(
        addresses.filter((_, index) => index < 32).map((address) => [address, sysfsFunction(random)]),
      );
      const root = join(reference!.folder, "pci");
      writeSysfs(root, functions, { "3": "0000:00:03", "x-1": "0000:00:04" });
      const args = ["-A", "linux-sysfs", "-O", `sysfs.path=${root}`, command];
      tally.compare(reference!.real(args).text, reference!.ours(args).text);
    }
    expect(tally.different.size, tally.report()).toBe(0);
    expect(tally.lines).toBeGreaterThan(90);
  });

  it("has vital product data of any bytes", () => {
    const random = new Random(9);
    const text = () => Array.from({ length: random.number(9) }, () => random.pick(textBytes));
    const keyword = () =>
      [...random.pick(["PN", "V0", "CP", "RW", "Y\x1b", "\x00q", "V\x00", "?\xff"])].map((char) =>
        char.charCodeAt(0),
      );
    const field = () => {
      const value = text();
      return [...keyword(), value.length, ...value];
    };
    const large = (tag: number, content: readonly number[]) => [
      tag,
      content.length & 0xff,
      content.length >> 8,
      ...content,
    ];
    const functions = new Map(
      Array.from({ length: 32 }, (_, index): [string, SysfsFunction] => {
        const fields = Array.from({ length: random.number(4) }, field).flat();
        const vpd = Uint8Array.from([
          ...large(0x82, text()),
          ...large(random.pick([0x90, 0x91]), fields),
          0x78,
        ]);
        const address = `0000:00:${index.toString(16).padStart(2, "0")}.0`;
        return [address, { ...sysfsFunction(random), config: withCapability(0x03), vpd }];
      }),
    );
    const root = join(reference!.folder, "vpd");
    writeSysfs(root, functions, {});
    const tally = new Tally();
    const args = ["-A", "linux-sysfs", "-O", `sysfs.path=${root}`, "-vv"];
    const real = reference!.real(args).text;
    expect(real).toMatch(/: .*\xff/);
    tally.compare(real, reference!.ours(args).text);
    expect(tally.different.size, tally.report()).toBe(0);
  });

  it("has the link of a restricted CXL device from the system", () => {
    const random = new Random(7);
    const register = (bits: number) => `${random.number(2 ** bits).toString(16)}\n`;
    const oddities = ["0\n", "0x411c25\n", "", "none\n", " 0X25 junk"];
    const functions = new Map(
      Array.from({ length: 32 }, (_, index): [string, SysfsFunction] => {
        const fn = sysfsFunction(random);
        const config = withCapability(0x10);
        config[FIRST + 2] = random.pick([0x91, 0x92, 0xa2, 0xa2, 0x02, 0x42]);
        const capabilities = oddities[index - 20] ?? register(32);
        const address = `0000:00:${index.toString(16).padStart(2, "0")}.0`;
        return [address, { ...fn, config, restrictedLink: [capabilities, register(16), register(16)] }];
      }),
    );
    const root = join(reference!.folder, "restricted");
    writeSysfs(root, functions, {});
    const tally = new Tally();
    for (const command of ["-vv", "-vvv", "-v", "-vvb"]) {
      const args = ["-A", "linux-sysfs", "-O", `sysfs.path=${root}`, command];
      const real = reference!.real(args).text;
      if (command === "-vv") expect(real.match(/LnkCtl:\tASPM .*; Disabled/g)?.length).toBeGreaterThan(8);
      tally.compare(real, reference!.ours(args).text);
    }
    expect(tally.different.size, tally.report()).toBe(0);
  });
});
