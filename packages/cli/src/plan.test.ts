import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bindingFiles, describeBinding } from "@userpci/sysfs/persist";
import { writeMachine } from "@userpci/sysfs/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "./run.ts";
import { createStyle } from "./style.ts";
import type { Terminal } from "./terminal.ts";
import { expectLines, expectSchema } from "./testing/schema.ts";

const NIC = "0000:01:00.0";
const BOUND = "0000:02:00.0";
const since = "2026-01-01T00:00:00.000Z";

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-plan-"));
  const entry = {
    version: 1,
    address: BOUND,
    id: "1234:11e8",
    formerDriver: null,
    formerOverride: null,
    nodes: { "/dev/vfio/7": { uid: 0, gid: 0, mode: 0o600 } },
    user: 1000,
    since,
    doing: { action: "bind", step: "permit", since },
    together: [BOUND],
  };
  writeMachine(root, {
    functions: [
      { address: NIC, id: "8086:10d3", classCode: 0x020000, driver: "e1000e", group: 6 },
      { address: "0000:01:00.1", id: "8086:10d3", classCode: 0x020000, driver: "e1000e", group: 6 },
      { address: BOUND, id: "1234:11e8", driver: "vfio-pci", driverOverride: "vfio-pci", group: 7 },
    ],
    files: {
      [`/sys/devices/pci0000:01/${NIC}/boot_vga`]: "1\n",
      [`/run/userpci/${BOUND}.json`]: JSON.stringify(entry),
      [`/etc/driverctl.d/pci-${BOUND}`]: "vfio-pci\n",
    },
  });
});
afterAll(() => rmSync(root, { recursive: true }));

async function userpci(...argv: string[]) {
  let out = "";
  const style = createStyle(false);
  const terminal: Terminal = {
    write: (text) => {
      out += text;
    },
    note: () => {},
    style,
    noteStyle: style,
    interactive: false,
    columns: undefined,
    noteColumns: undefined,
  };
  const status = await run(argv.includes("--root") ? argv : [...argv, "--root", root], terminal);
  return { status, out };
}

describe("a plan", () => {
  it("of bind shows each step as a command, what the machine would lose, and how to do it", async () => {
    const { status, out } = await userpci("bind", "01:00.0", "--plan");
    expect(status).toBe(1);
    expect(out).toContain(`${NIC} has e1000e\n`);
    expect(out).toMatch(/\n3 {2}take it from e1000e +echo 0000:01:00\.0 >.*\/driver\/unbind\n/);
    expect(out).toContain(
      `risk  ${NIC}: it is the display that the machine started with  [/sys/bus/pci/devices/${NIC}/boot_vga]\n`,
    );
    expect(out).toMatch(
      /note {2}.*while 0000:01:00\.1 .*\n +fix {2}sudo userpci bind 0000:01:00\.0 --group\n/,
    );
    expect(out).toContain(`nothing was changed; to do it: sudo userpci bind ${NIC} --force\n`);
  });

  it("of bind as JSON is as its schema says, and possible with --force", async () => {
    const refused = expectSchema("bind", (await userpci("bind", NIC, "--plan", "--json")).out);
    expect(refused.plan).toMatchObject({ possible: false, risks: [{ kind: "display" }, { kind: "group" }] });
    const { status, out } = await userpci("bind", NIC, "--plan", "--group", "--force", "--json");
    expect(status).toBe(0);
    expect(expectSchema("bind", out).plan).toMatchObject({
      possible: true,
      functions: [{ address: NIC }, { address: "0000:01:00.1" }],
    });
  });

  it("of unbind and restore says what was cut short, and who binds it again", async () => {
    const { out } = await userpci("restore", "--plan");
    expect(out).toContain(
      `${BOUND} has vfio-pci, bound by userpci; driverctl keeps /etc/driverctl.d/pci-${BOUND}\n`,
    );
    expect(out).toContain(`note  bind ${BOUND} was cut short at ${since}, giving its nodes away\n`);
    expect(out).toContain(`fix  sudo driverctl unset-override ${BOUND}\n`);
    expect(out).toContain("nothing was changed; to do it: sudo userpci restore\n");
    const steps = ["override", "release", "permit", "journal"].map((step) => ({ step }));
    for (const argv of [["restore"], ["restore", BOUND], ["restore", "--all"]]) {
      const json = expectSchema("restore", (await userpci(...argv, "--plan", "--json")).out);
      expect(json.plans).toMatchObject([{ address: BOUND, steps }]);
    }
    expectLines("restore", (await userpci("restore", "--plan", "--jsonl")).out);
    const lasting = (await userpci("restore", BOUND, "--persistent", "--plan", "--jsonl")).out;
    expect(expectLines("restore", lasting)).toMatchObject([{ persistent: { plan: true } }, { plan: {} }]);
    const unbind = expectSchema("unbind", (await userpci("unbind", BOUND, "--plan", "--json")).out);
    expect(unbind.plan).toMatchObject({ cutShort: { step: "permit" }, steps });
    expect((await userpci("unbind", NIC, "--plan")).out).toContain("nothing to do\n");
  });

  it("that takes away the file that binds at boot does not warn of it", async () => {
    const tree = mkdtempSync(join(tmpdir(), "userpci-plan-lasting-"));
    try {
      const functions = [{ address: BOUND, id: "1234:11e8", driver: "vfio-pci", group: 7 }];
      writeMachine(tree, { functions });
      const installed = bindingFiles(await describeBinding(BOUND, { root: tree }));
      const files = Object.fromEntries(installed.map(({ path, text }) => [path, text]));
      rmSync(tree, { recursive: true });
      writeMachine(tree, { functions, files });
      const words = ["restore", BOUND, "--plan", "--root", tree];
      expect((await userpci(...words)).out).toContain("at the next boot");
      const { out } = await userpci(...words, "--persistent");
      expect(out).toMatch(/remove +\/etc\/udev\/rules\.d\/60-userpci-bind/);
      expect(out).not.toContain("at the next boot");
    } finally {
      rmSync(tree, { recursive: true });
    }
  });

  it.each([
    ["bind", NIC],
    ["bind", NIC, "--group", "--force"],
    ["unbind", BOUND],
    ["restore"],
    ["restore", "--all"],
    ["restore", "--all", "--persistent"],
  ])("is all that a copy of another machine has: %s %s", async (...argv) => {
    const { status, out } = await userpci(...argv, "--json");
    expect(status).toBe(2);
    expect(expectSchema("error", out).error).toMatchObject({
      code: "ERR_INVALID_ARGUMENT",
      message: "--root goes with --plan: what is changed is this machine, and not a copy of another",
    });
  });

  it.each([["bind", NIC], ["unbind", BOUND], ["restore"]])(
    "takes no --timeout that means nothing: %s",
    async (...argv) => {
      const { status, out } = await userpci(...argv, "--plan", "--timeout", "soon", "--json");
      expect(status).toBe(2);
      expect(expectSchema("error", out).error.message).toContain('"soon" is not a number of seconds');
    },
  );

  it("of one function excludes --all", async () => {
    expect((await userpci("restore", NIC, "--all", "--plan")).status).toBe(2);
  });
});
