import { afterAll, describe, expect, it } from "vitest";
import { Reference } from "./reference.ts";
import { dumpOf, withCapability } from "./space.ts";

const reference = await Reference.open();
afterAll(() => reference?.[Symbol.dispose]());

const missing = "/nonexistent/dump";
/** Words of a command line; `DUMP` stands for a file. */
const commands = [
  ...["-F DUMP", "-A dump -O dump.name=DUMP", "-O dump.name=DUMP -A dump", `-F ${missing} -O dump.name=DUMP`],
  ...[
    `-O dump.name=DUMP -F ${missing}`,
    `-F ${missing}`,
    "-F /proc/version/x",
    "-F /",
    "-A dump",
    "-A dump -F DUMP",
  ],
  ...[
    "-A nothing",
    "-A nothing -z",
    "-A dump -A auto",
    "-O name",
    "-O name=1",
    "-O =1",
    "-O dump.name",
    "-O x -A y",
  ],
  ...["-O net.domain=x -F DUMP", "-O hwdb.disable=1 -F DUMP", "-O sysfs.path=/x -F DUMP"],
  ...[
    "-F DUMP --",
    "-F DUMP -- -v",
    "-F DUMP words",
    "words -z",
    "-- -z",
    "-F DUMP -vq",
    "-F DUMP -Q",
    "-F DUMP -Qnnv",
  ],
  ...[
    "-F DUMP -Qvmm",
    "-F DUMP -tvQ",
    "-F DUMP -i",
    "-F",
    "-z",
    "-vz",
    "-H3",
    "-F DUMP -i /nonexistent/names",
  ],
];

/** The program names itself by the path that it was started with; we have fewer options to tell of. */
const told = (text: string) => text.replace(/^\S*\/lspci: /, "lspci: ").replace(/^Usage: [\s\S]*/m, "Usage");

describe.skipIf(reference === undefined)("on ways to devices", () => {
  it.each(commands)("lspci %s", (command) => {
    const [, file] = reference!.dump(dumpOf([withCapability(0x01, 64)]));
    const args = command.replaceAll("DUMP", file!).split(" ");
    expect(told(reference!.ours(args).text)).toBe(told(reference!.real(args).text));
  });

  it("lists what there is", () => {
    expect(reference!.ours(["-A", "help", "-z"]).text).toBe(
      "Known PCI access methods:\n\nlinux-sysfs\ndump\n",
    );
    const [, , ...lines] = reference!.ours(["-O", "help"]).text.trimEnd().split("\n");
    expect(reference!.real(["-O", "help"]).text.split("\n")).toEqual(expect.arrayContaining(lines));
    expect(lines).toHaveLength(2);
  });
});
