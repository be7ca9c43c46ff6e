import { PciError } from "@userpci/interface";
import { restore } from "@userpci/sysfs";
import { unpersist } from "@userpci/sysfs/persist";
import { beforeEach, expect, it, vi } from "vitest";
import { run } from "./run.ts";
import { createStyle } from "./style.ts";
import { expectSchema } from "./testing/schema.ts";

const [FIRST, SECOND] = ["0000:01:00.0", "0000:02:00.0"] as const;

vi.mock("@userpci/sysfs", async (original) => ({
  ...(await original<object>()),
  restore: vi.fn(async (address: string) => ({
    restored: [
      { address, driver: "e1000e", changed: true, boundAtBoot: null, cutShort: null, present: true },
    ],
  })),
}));
vi.mock("@userpci/sysfs/persist", async (original) => ({
  ...(await original<object>()),
  persistentFunctions: () => [FIRST, SECOND],
  unpersist: vi.fn(),
}));

const setup = (address: string) => ({ address, files: [], nodes: [], after: [], udev: true });
const inTheWay = (code: string) =>
  new PciError(code as "ERR_BUSY", "/etc/udev/rules.d/x is there, and userpci did not write it", {
    hint: "look at it",
  });

async function persistent(...words: string[]) {
  let out = "";
  const style = createStyle(false);
  const write = (text: string) => {
    out += text;
  };
  const status = await run(["restore", ...words, "--persistent"], {
    write,
    note: write,
    style,
    noteStyle: style,
    columns: undefined,
  } as never);
  return { out, status };
}

beforeEach(() => void vi.mocked(restore).mockClear());

it("takes back what it can, tells of the rest, and says by its status that there is one", async () => {
  vi.mocked(unpersist).mockImplementation(async (address) => {
    if (address === FIRST) throw inTheWay("ERR_BUSY");
    return setup(address);
  });
  const { out, status } = await persistent("--all", "--json");
  const json = JSON.parse(out);
  expectSchema("restore", json);
  expect(status).toBe(1);
  expect(json).toMatchObject({
    restored: [{ address: SECOND }],
    failed: [{ address: FIRST, error: { code: "ERR_BUSY" } }],
    persistent: [{ address: SECOND }],
  });
  expect((await persistent("--all")).out).toMatch(
    /ERR_BUSY.*did not write it[^]*given back {2}0000:02|given back {2}0000:02[^]*did not write it/,
  );
});

it("ends at once for want of rights, and where one function was named", async () => {
  for (const [words, code] of [
    [["--all"], "ERR_PERMISSION"],
    [[FIRST], "ERR_BUSY"],
  ] as const) {
    vi.mocked(unpersist).mockRejectedValue(inTheWay(code));
    expect((await persistent(...words)).status).toBe(1);
  }
  expect(restore).not.toHaveBeenCalled();
});
