import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeSnapshot } from "@userpci/sysfs/snapshot";
import { writeMachine } from "@userpci/sysfs/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { printed } from "../testing/printed.ts";
import { expectSchema } from "../testing/schema.ts";

const CARD = "0000:01:00.0";
const root = mkdtempSync(join(tmpdir(), "userpci-permit-"));

beforeAll(() => {
  writeMachine(root, {
    functions: [
      { address: CARD, id: "8086:10d3", driver: "vfio-pci", group: 8 },
      { address: "0000:01:00.1", id: "8086:10d3", driver: "e1000e", group: 8 },
    ],
    nodes: ["/dev/vfio/vfio", "/dev/vfio/8"],
    files: {
      "/etc/passwd": "alice:x:1000:1000::/home/alice:/bin/sh\n",
      "/etc/group": "vfio:x:107:alice\n",
      "/sys/devices/virtual/vfio/8/dev": "252:0\n",
      "/sys/class/misc/vfio/dev": "10:196\n",
    },
  });
  mkdirSync(join(root, "sys/class/vfio"));
  symlinkSync("../../devices/virtual/vfio/8", join(root, "sys/class/vfio/8"));
});
afterAll(() => rmSync(root, { recursive: true }));

const permit = (...argv: string[]) => permitOf(CARD, ...argv);
const permitOf = (address: string, ...argv: string[]) => permitIn(root, address, ...argv);

const permitIn = (tree: string, address: string, ...argv: string[]) =>
  printed("permit", address, "--root", tree, ...argv);

describe("userpci permit", () => {
  it("plans files with what is in them, and names who comes with the group", async () => {
    const { status, out } = await permit("--user", "alice", "--memlock", "8G", "--plan");
    expect(status).toBe(0);
    expect(out).toMatch(/^would permit {2}0000:01:00\.0 to user alice/);
    expect(out).toContain("  write    /etc/udev/rules.d/60-userpci-permit-0000-01-00.0.rules\n");
    expect(out).toContain("| alice - memlock 8388608\n");
    expect(out).toContain("then     sudo systemctl daemon-reload");
    expect(out).toContain("with it  0000:01:00.1");
    const json = expectSchema("permit", (await permit("--group", "vfio", "--cdi", "--plan", "--json")).out);
    expect(json).toMatchObject({
      plan: true,
      grantee: { kind: "group", id: 107 },
      companions: ["0000:01:00.1"],
    });
    expect(json.files.map(({ kind }: { kind: string }) => kind)).toEqual(["udev", "limits", "cdi"]);
    expectSchema("permit", (await permit("--remove", "--plan", "--json")).out);
    expect((await permit("--remove", "--plan")).out).toBe(
      "nothing to do  0000:01:00.0 is not permitted to anybody by userpci\n",
    );
  });

  it.each([
    ["udev", "60-userpci-permit-0000-01-00.0.rules", 'OWNER="alice"'],
    ["limits", "60-userpci-000001048576-0000-01-00.0.conf", "alice - memlock 1048576"],
    ["systemd", "user@1000.service.d", "LimitMEMLOCK=1073741824"],
    ["oci", null, '"RLIMIT_MEMLOCK"'],
    ["cdi", "/etc/cdi/userpci-0000-01-00.0.json", '"userpci/function"'],
  ])("prints what %s needs, and nothing else", async (kind, path, part) => {
    const { out } = await permit("--user", "alice", "--print", kind);
    expect(out).toContain(part);
    const json = expectSchema("permit", (await permit("--user", "alice", "--print", kind, "--json")).out);
    const printed: readonly { kind: string; path: string | null; text: string }[] = json.printed;
    expect(printed.map(({ text }) => text).join("")).toBe(out);
    const last = printed.at(-1)!;
    expect(last.kind).toBe(kind);
    if (path === null) expect(last.path).toBeNull();
    else expect(last.path).toContain(path);
  });

  it.each([
    [[], "one user or one group"],
    [["--user", "bob", "--plan"], 'no user "bob"'],
    [["--user", "alice"], "--root only goes with --plan and --print"],
    [["--user", "alice", "--print", "cron"], 'no file of the kind "cron"'],
    [["--user", "alice", "--plan", "--memlock", "much"], "no amount of memory"],
    [["--user", "alice", "--plan", "--memlock", "0"], "a limit of 0 bytes"],
    [["--user", "alice", "--plan", "--memlock", "100"], "a limit of 100 bytes"],
    [
      ["--user", "alice", "--plan", "--memlock", "99999999999999T"],
      "a limit of 99999999999999T of pinned memory",
    ],
    [["--remove", "--plan", "--user", "alice"], "--remove does not go with --user"],
  ])("refuses %j", async (argv, message) => {
    const { status, notes } = await permit(...(argv.length === 0 ? ["--plan"] : argv));
    expect(status).toBe(2);
    expect(notes).toContain(message);
  });

  it("does not leave out in silence what --cdi asks for, where it is not bound", async () => {
    const { status, notes } = await permitOf("0000:01:00.1", "--group", "vfio", "--cdi", "--plan");
    expect(status).toBe(1);
    expect(notes).toMatch(
      /has no nodes that a container could be given \(ERR_WRONG_DRIVER\)\n {2}hint {3}sudo userpci bind 0000:01:00\.1\n/,
    );
  });

  it.each(["oci", "cdi"])("prints what %s needs from a snapshot as from its machine", async (kind) => {
    const snapshot = `${root}.tgz`;
    await writeSnapshot(snapshot, { root });
    const words = ["--group", "107", "--print", kind];
    const [machine, copy] = [await permit(...words), await permitIn(snapshot, CARD, ...words)];
    rmSync(snapshot);
    expect(copy).toEqual(machine);
    expect(copy.out).toContain("/dev/vfio/8");
  });

  it.each(["oci", "cdi"])(
    "says of a copy without numbers of nodes that they are not known: %s",
    async (kind) => {
      const copy = mkdtempSync(join(tmpdir(), "userpci-permit-old-"));
      writeMachine(copy, {
        functions: [{ address: CARD, id: "8086:10d3", driver: "vfio-pci", group: 8, vfioDevice: "vfio0" }],
        nodes: ["/dev/vfio/vfio", "/dev/vfio/8", "/dev/vfio/devices/vfio0"],
        files: { [`/sys/devices/pci0000:01/${CARD}/vfio-dev/vfio0/dev`]: "251:0\n" },
      });
      const { status, notes } = await permitIn(copy, CARD, "--group", "107", "--print", kind);
      rmSync(copy, { recursive: true });
      expect(status).toBe(1);
      expect(notes).toMatch(
        /is bound, but the numbers of its nodes are not known in this copy .*\n {2}hint {3}make a new/,
      );
    },
  );

  it("says why there is no file of a kind", async () => {
    const { status, notes } = await permit("--group", "vfio", "--print", "systemd");
    expect(status).toBe(1);
    expect(notes).toMatch(
      /a group has no service of its own \(ERR_NOT_SUPPORTED\)[\s\S]*--service NAME\.service/,
    );
  });
});
