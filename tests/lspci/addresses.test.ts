import { afterAll, describe, expect, it } from "vitest";
import { Reference } from "./reference.ts";
import { asBridge, dumpOf, patch, withCapability } from "./space.ts";

const reference = await Reference.open();
afterAll(() => reference?.[Symbol.dispose]());

const bridge = (secondary: number, subordinate = secondary) =>
  patch(asBridge(withCapability(0x0d, 64)), [0x19, 1, secondary], [0x1a, 1, subordinate]);
const endpoint = withCapability(0x01, 64);

/** Functions of three domains, some behind bridges. */
const several = dumpOf(
  [endpoint, bridge(1), endpoint, endpoint, bridge(1), endpoint, endpoint],
  ["00:00.0", "00:01.0", "01:00.0", "0001:00:00.0", "0001:00:02.0", "0001:01:1f.7", "10000:e1:00.0"],
);
/** The same, of one domain that is not 0. */
const foreign = dumpOf([bridge(1), endpoint], ["0002:00:01.0", "0002:01:00.0"]);

/** Bridges whose headers are not whole. */
const cut = dumpOf(
  [endpoint, bridge(1).slice(0, 63), bridge(2).slice(0, 16), endpoint, endpoint],
  ["00:00.0", "00:01.0", "00:02.0", "01:00.0", "02:00.0"],
);

/** Bridges with numbers that make no sense, or none yet. */
const odd = dumpOf(
  [bridge(0), bridge(0, 5), bridge(0x90, 0), bridge(0xff), endpoint, endpoint],
  ["80:00.0", "80:01.0", "80:02.0", "80:03.0", "03:00.0", "90:00.0"],
);

const commands = [
  "",
  "-D",
  "-m",
  "-mm",
  "-mmD",
  "-vm",
  "-vmm",
  "-vmmD",
  "-P",
  "-PP",
  "-PD",
  "-Pmm",
  "-PPmm",
  "-PPvmmD",
];
const dumps = [
  ["several domains", several],
  ["one domain that is not 0", foreign],
  ["bridges that were cut off", cut],
  ["bridges without numbers", odd],
] as const;

describe.skipIf(reference === undefined)("on functions of", () => {
  describe.each(dumps)("%s", (_name, dump) => {
    it.each([...commands, "-t", "-tv", "-tD", "-s 1:", "-s 1:: -mm", "-s 0:1:"])("lspci %s", (command) => {
      const args = [...command.split(" ").filter(Boolean), "-n", ...reference!.dump(dump)];
      expect(reference!.ours(args).text).toBe(reference!.real(args).text);
    });
  });
});
