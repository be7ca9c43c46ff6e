import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { provision } from "@userpci/testbed";
import { beforeAll, describe, expect, it } from "vitest";
import { expectNamed } from "../../packages/cli/src/testing/schema.ts";
import { type LineResult, runLines } from "./harness/command-lines.ts";
import { preparedVm } from "./harness/host.ts";
import { at, ROM_FILE, USER } from "./machines.ts";

/** What a line printed, that ended well and holds to its schema. */
function json({ line, status, out }: LineResult): ReturnType<typeof JSON.parse> {
  expect({ line, status, out }).toEqual({ line, status: 0, out: expect.any(String) });
  return expectNamed(out);
}

/** The ROM that the machine's e1000e was given, from where QEMU looks for such files. */
async function romFile(): Promise<Buffer> {
  const { qemu, qemuEnvironment } = await provision();
  const [program, ...first] = qemu;
  const env = { ...process.env, ...qemuEnvironment };
  const folders = execFileSync(program, [...first, "-L", "help"], { env, encoding: "utf8" }).split("\n");
  for (const folder of folders) {
    try {
      return readFileSync(join(folder, ROM_FILE));
    } catch {
      // In another one.
    }
  }
  throw new Error(`${ROM_FILE} is in none of ${folders.join(", ")}`);
}

const edu = at.wideEdu;
const set = `config set ${edu} CACHE_LINE_SIZE=10 command.memory=1 --json`;
const theirs = `! setpci -s ${edu} CACHE_LINE_SIZE`;
const power = `! cd /sys/bus/pci/devices/${at.e1000e}; for i in $(seq 100); do grep -q D3hot power_state && break; sleep 0.1; done; cat power_state power/control`;
const asRoot = [
  set,
  theirs,
  `! setpci -s ${edu} INTERRUPT_LINE=2a`,
  `config get ${edu} INTERRUPT_LINE interruptLine --json`,
  `config set ${edu} --undo --json`,
  `! setpci -s ${edu} CACHE_LINE_SIZE INTERRUPT_LINE`,
  `config set ${edu} command.memory=1 --json`,
  `mem write ${edu} 0 LIVENESS 0x1234 --read-back --via sysfs --json`,
  `mem read ${edu} 0 0 --via sysfs --json`,
  `mem read ${edu} 0 IDENTIFICATION --json`,
  `config check ${at.e1000e} --json`,
  `config explain ${at.e1000e} command --json`,
  `config diff ${at.edu} ${at.e1000e} --json`,
  `mem read ${at.e1000e} 2 0 --json`,
  // Nobody has it open, so it sleeps.
  power,
  `mem read ${at.e1000e} 0 8 --via sysfs --json`,
  `rom ${at.e1000e} --via sysfs --output /tmp/sysfs.rom --json`,
  "! cat /tmp/sysfs.rom | base64 -w 0",
  `reset ${at.nvme} --plan --json`,
  `reset ${at.nvme} --json`,
  `reset ${at.nvme} --method flr --json`,
  `reset ${at.edu} --json`,
  `dma test ${at.nvme} --json`,
];
const asUser = [
  `rom ${at.e1000e} --via vfio --output /tmp/vfio.rom --json`,
  "! cat /tmp/vfio.rom | base64 -w 0",
  `mem read ${edu} 0 IDENTIFICATION --json`,
  `mem read ${edu} 0 0 --via sysfs --json`,
  `config get ${edu} command --json`,
  `config check ${edu} --json`,
  `config check ${edu} --via vfio --json`,
  `config check ${edu} --via sysfs --json`,
  `config get ${at.e1000e} pcie.linkStatus --json`,
  `config set ${edu} command.memory=1 --json`,
  `irq watch ${at.edu} --write 0:INTERRUPT_RAISE=1 --ack 0:INTERRUPT_ACKNOWLEDGE=1 --count 1 --seconds 20 --json`,
  `irq watch ${at.nvme} --trigger --vectors 2 --count 2 --seconds 20 --json`,
  `dma test ${at.edu} --json`,
];
const planByMethod = `reset ${at.nvme} --method flr --plan --json`;
const planOfBus = `reset ${at.nvme} --bus --plan`;
const resetByMethod = `reset ${at.nvme} --method flr --json`;

describe("commands that reach into a device", () => {
  let root: (line: string) => LineResult;
  let user: (line: string) => LineResult;
  beforeAll(async () => {
    const vm = await preparedVm("main");
    root = await runLines(vm, [...asRoot, `${power} #`]);
    user = await runLines(vm, [planByMethod, planOfBus, resetByMethod, ...asUser], {
      user: String(USER),
      memlock: 64 * 2 ** 20,
    });
  });

  it("write what setpci reads, read what setpci writes, and take it back", () => {
    const { writes, via } = json(root(set));
    expect(via).toBe("sysfs");
    expect(writes[0]).toMatchObject({ offset: 0x0c, width: 8, after: 0x10, now: 0x10 });
    expect(root(theirs).out).toBe("10\n");
    const got = json(root(`config get ${edu} INTERRUPT_LINE interruptLine --json`));
    expect(got.registers.map(({ raw }: { raw: number }) => raw)).toEqual([0x2a, 0x2a]);
    expect(json(root(`config set ${edu} --undo --json`)).writes.at(-1)).toMatchObject({
      offset: 0x0c,
      now: 0,
    });
    expect(root(`! setpci -s ${edu} CACHE_LINE_SIZE INTERRUPT_LINE`).out).toBe("00\n2a\n");
  });

  it("reach registers over VFIO, and through sysfs as root", () => {
    const { writes } = json(root(`mem write ${edu} 0 LIVENESS 0x1234 --read-back --via sysfs --json`));
    expect(writes).toEqual([
      { offset: 4, value: "0x00001234", text: "LIVENESS = 0x1234", now: "0xffffedcb" },
    ]);
    expect(json(root(`mem read ${edu} 0 0 --via sysfs --json`))).toMatchObject({
      via: "sysfs",
      values: [{ value: "0x010000ed" }],
    });
    for (const who of [root, user]) {
      const { via, values } = json(who(`mem read ${edu} 0 IDENTIFICATION --json`));
      expect(via).toMatch(/^vfio-/);
      expect(values[0].value).toBe("0x010000ed");
    }
    expect(json(root(`mem read ${at.e1000e} 2 0 --json`)).via).toMatch(/^vfio-/);
  });

  it("wake what vfio-pci lets sleep, and let it sleep again", () => {
    expect(root(power).out).toBe("D3hot\nauto\n");
    // Device status (Intel 82574 datasheet, 10.2.2.2): the link is up.
    const [{ value }] = json(root(`mem read ${at.e1000e} 0 8 --via sysfs --json`)).values;
    expect(Number(value) & 2).toBe(2);
    expect(root(`${power} #`).out).toBe("D3hot\nauto\n");
  });

  it("read the expansion ROM through sysfs as root, and over VFIO as an ordinary user", async () => {
    const file = await romFile();
    for (const [who, way] of [
      [root, "sysfs"],
      [user, "vfio"],
    ] as const) {
      const told = json(who(`rom ${at.e1000e} --via ${way} --output /tmp/${way}.rom --json`));
      expect(told).toMatchObject({
        via: expect.stringContaining(way),
        problem: null,
        images: [{ id: "8086:10d3", kind: "x86", checksumHolds: true }, { kind: "efi" }],
      });
      const read = Buffer.from(who(`! cat /tmp/${way}.rom | base64 -w 0`).out, "base64");
      expect(read.length).toBe(told.bytes);
      expect(read.equals(file.subarray(0, read.length))).toBe(true);
    }
  });

  it("check, explain and compare configuration spaces", () => {
    expect(json(root(`config check ${at.e1000e} --json`)).errors).toBe(0);
    // An ordinary user who may open it sees all of it, by way of VFIO.
    const sizes = ["", " --via vfio", " --via sysfs"].map((via) => {
      const { errors, configBytes } = json(user(`config check ${edu}${via} --json`));
      return { errors, configBytes };
    });
    expect(sizes).toEqual([256, 256, 64].map((configBytes) => ({ errors: 0, configBytes })));
    const { registers } = json(root(`config explain ${at.e1000e} command --json`));
    expect(registers[0].bits.length).toBeGreaterThan(1);
    const differ = root(`config diff ${at.edu} ${at.e1000e} --json`);
    expect(differ.status).toBe(1);
    const { changes } = expectNamed(differ.out);
    expect(changes).toContainEqual(
      expect.objectContaining({ owner: "header", register: "vendorId", before: 0x1234, after: 0x8086 }),
    );
  });

  it("reset what can be reset, and say so of what cannot", () => {
    const { methods, durationMs } = json(root(`reset ${at.nvme} --plan --json`));
    expect(methods).toContain("flr");
    expect(durationMs).toBeNull();
    expect(json(root(`reset ${at.nvme} --json`)).via).toMatch(/^vfio-/);
    expect(json(root(`reset ${at.nvme} --method flr --json`))).toMatchObject({ via: "sysfs", method: "flr" });
    const refused = root(`reset ${at.edu} --json`);
    expect(refused.status).toBe(1);
    expect(expectNamed(refused.out).error.code).toBe("ERR_NO_RESET");
  });

  it("plan a reset without opening the device, which would reset it", () => {
    expect(json(user(planByMethod))).toMatchObject({ via: "sysfs", method: "flr", durationMs: null });
    expect(user(planOfBus)).toMatchObject({
      status: 0,
      out: expect.stringContaining("would be reset by bus\n"),
    });
  });

  it("let devices move memory and interrupt, also for an ordinary user", () => {
    expect(json(root(`dma test ${at.nvme} --json`))).toMatchObject({
      engine: "nvme",
      rounds: 16,
      faults: [],
    });
    expect(json(user(asUser.at(-1)!))).toMatchObject({ engine: "edu", faults: [] });
    expect(json(user(asUser.at(-3)!))).toMatchObject({ kind: "msi", events: 1, ended: "events" });
    expect(json(user(asUser.at(-2)!))).toMatchObject({ kind: "msix", events: 2 });
  });

  it("tell an ordinary user what takes root, and which file", () => {
    expect(json(user(`config get ${edu} command --json`)).via).toMatch(/^(sysfs|vfio-)/);
    expect(json(user(`config get ${at.e1000e} pcie.linkStatus --json`)).via).toMatch(/^vfio-/);
    for (const [line, file] of [
      [`config set ${edu} command.memory=1 --json`, "config"],
      [`mem read ${edu} 0 0 --via sysfs --json`, "resource0"],
      [resetByMethod, "reset_method"],
    ] as const) {
      const { status, out } = user(line);
      expect(status).toBe(1);
      const { error } = expectNamed(out);
      expect(error).toMatchObject({ code: "ERR_PERMISSION", path: expect.stringMatching(`/${file}$`) });
      expect(error.hint).toMatch(/root|sudo/);
    }
  });
});
