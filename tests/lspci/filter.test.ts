import { afterAll, describe, expect, it } from "vitest";
import { Random } from "../vm/harness/random.ts";
import { Reference } from "./reference.ts";
import { dumpOf, withCapability } from "./space.ts";

const reference = await Reference.open();
afterAll(() => reference?.[Symbol.dispose]());

/** Slots with every part missing, wrong, too large, too long or one too many. */
const slots = [
  ...["", ":", "::", ":::", ".", "..", "::.", "*", "*:*:*.*", "**", "*:x", "x:*", "0.*", "*.8"],
  ...[
    "1:2:3:4",
    "1:2:3:x",
    "x:2:3:4",
    "1:2:3:4:5",
    "1:2:3:4.5",
    "0.0.0",
    "0:0:0.0.0",
    "0.0:0",
    "1.2.3",
    "x:.g.3",
    "x.1.2",
  ],
  ...["1f", "20", "1f.7", "1f.8", ".8", "x", "0x1", "0x", "0X0", "1g", " 1", "1 ", "+1", "-1", "0:0x:0.0x"],
  ...["0:100:0", "0:ff:0", "100:0", "x:0:0", "0:x:0", "0:0:x", "0:0:0.x", "0:0:20", "-1:0:0", "x:x:x.x"],
  ...[
    "10000:0:0",
    "7fffffff:0:0",
    "80000000:0:0",
    "100000000:0:0",
    "fffffffff:0:0",
    "100000000",
    "0.100000000",
  ],
  ...["0000:00:00.0", "000000000:0:0", "0:000:0", "0:0:0.00", "10000000000000000:0:0", "0:0:00.000000000"],
];

/** The same of vendors, devices and classes. */
const ids = [
  ...["", "1", "*", ":", "::", ":::", "::::", "1:2:3:4:5", "8086:100e:200:00:", "*:*:*:*", "8086", "8086:"],
  ...["x:", "g:", ":g", "::g", ":::g", ":::x", "10000:", ":10000", "::12345", ":::100", ":::ff", "ffff:ffff"],
  ...[
    "0x8086:0x100e",
    "0x:",
    "08086:",
    "000000008086:",
    "100008086:",
    ":10000100e",
    ":::100000000",
    ":::0000",
  ],
  ...["8086:100e:0200", "8086:100e:2xx", "::02XX", "::0x200", "::0x00", "::x0200", "::xxxx", "::xxxxx"],
  ...["::00200", "::00x200", "::0xx200", "::0x0200", "::x00200", "::**", "::x*", ":: 2", "::2 ", "::-1"],
  ...["1 :", "-1:", "x:y:z:w", "x:y", ":y:z", "::z:w"],
];

const commands = [
  ["-s", "x", "-d", "g:"],
  ["-d", "g:", "-s", "x"],
  ["-s", "x", "-s", "0"],
  ["-s", "0", "-s", "x"],
  ["-s", "0", "-s", "1:"],
  ["-d", "x:", "-d", ":"],
  ["-d", ":", "-d", "8086:"],
  ["-s", ":", "-s", "*", "-s", "1"],
  ["-s", "1", "-s", ".0", "-s", "0:"],
  ["-s", "1", "-s", "*"],
  ["-d", "1234:", "-d", ":100e"],
  ["-d", "::0300", "-d", ":"],
  ["-d", "::0300", "-d", "::xxxx"],
  ["-d", "8086:", "-s", "1", "-d", ":"],
  ["-vs", "x"],
  ["-s", "x", "-Z"],
  ["-s", "x", "word"],
];

describe.skipIf(reference === undefined)("a filter", () => {
  const dump = () => reference!.dump(dumpOf(Array.from({ length: 5 }, () => withCapability(0))));

  function compare(args: readonly string[]): void {
    const whole = [...dump(), "-n", ...args];
    const { text, status } = reference!.ours(whole);
    const real = reference!.real(whole);
    expect({ args, text, status }).toEqual({ args, text: real.text, status: real.status });
  }

  it("takes slots as lspci does, and refuses them in its words", () => {
    for (const slot of slots) compare(["-s", slot]);
  });

  it("takes ids as lspci does, and refuses them in its words", () => {
    for (const id of ids) compare(["-d", id]);
  });

  it("is looked at in its turn", () => {
    for (const command of commands) compare(command);
  });

  it("of any characters is taken or refused as lspci does", () => {
    const random = new Random(4);
    const characters = [..."000112378fFxX::::...*g -"];
    for (let turn = 0; turn < 150; turn++) {
      const text = Array.from({ length: 1 + random.number(9) }, () => random.pick(characters)).join("");
      compare([random.pick(["-s", "-d"]), text]);
    }
  });
});
