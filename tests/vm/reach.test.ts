import { fileURLToPath } from "node:url";
import type { Vm } from "@userpci/testbed";
import { beforeAll, describe, expect, it } from "vitest";
import { expectNamed } from "../../packages/cli/src/testing/schema.ts";
import { preparedVm } from "./harness/host.ts";
import { at, USER } from "./machines.ts";

const cli = fileURLToPath(new URL("../../packages/cli/dist/index.js", import.meta.url));

/** Runs many command lines in one process: a start of Node takes a second in the guest. A line that begins with `!` is another program's. */
const script = `
import { execFileSync } from "node:child_process";
const { run } = await import(process.argv[1]);
const style = new Proxy({}, { get: () => (text) => text });
const results = [];
for (const line of JSON.parse(process.argv[2])) {
  const [first, ...words] = line.split(" ");
  if (first === "!") {
    results.push({ line, out: execFileSync(words[0], words.slice(1), { encoding: "utf8" }) });
    continue;
  }
  let out = "", err = "";
  const terminal = {
    write: (text) => { out += text; }, note: (text) => { err += text; },
    style, noteStyle: style, interactive: false, columns: undefined, noteColumns: undefined,
  };
  const status = await run([first, ...words], terminal);
  results.push({ line, status, out, err });
}
console.log(JSON.stringify(results));
`;

interface Result {
  readonly line: string;
  readonly status?: number;
  readonly out: string;
  readonly err?: string;
}

async function batch(vm: Vm, lines: readonly string[], user = "root"): Promise<(line: string) => Result> {
  const argv = ["node", "--input-type=module", "-e", script, cli, JSON.stringify(lines)];
  const { stdout } = await vm.run(argv, { check: true, user, memlock: 64 * 2 ** 20, timeoutMs: 110_000 });
  const results = JSON.parse(stdout) as Result[];
  return (line) => results.find((result) => result.line === line)!;
}

/** What a line printed that holds to its schema. */
function json({ status, out }: Result): ReturnType<typeof JSON.parse> {
  expect({ status, out }).toEqual({ status: 0, out: expect.any(String) });
  return expectNamed(out);
}

const edu = at.wideEdu;
const set = `config set ${edu} CACHE_LINE_SIZE=10 command.memory=1 --json`;
const theirs = `! setpci -s ${edu} CACHE_LINE_SIZE`;
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
  `reset ${at.nvme} --plan --json`,
  `reset ${at.nvme} --json`,
  `reset ${at.nvme} --method flr --json`,
  `reset ${at.edu} --json`,
  `dma test ${at.nvme} --json`,
];
const asUser = [
  `mem read ${edu} 0 IDENTIFICATION --json`,
  `mem read ${edu} 0 0 --via sysfs --json`,
  `config get ${edu} command --json`,
  `config get ${at.e1000e} pcie.linkStatus --json`,
  `config set ${edu} command.memory=1 --json`,
  `irq watch ${at.edu} --write 0:INTERRUPT_RAISE=1 --ack 0:INTERRUPT_ACKNOWLEDGE=1 --count 1 --seconds 20 --json`,
  `irq watch ${at.nvme} --trigger --vectors 2 --count 2 --seconds 20 --json`,
  `dma test ${at.edu} --json`,
];

describe("commands that reach into a device", () => {
  let root: (line: string) => Result;
  let user: (line: string) => Result;
  beforeAll(async () => {
    const vm = await preparedVm("main");
    root = await batch(vm, asRoot);
    user = await batch(vm, asUser, String(USER));
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

  it("check, explain and compare configuration spaces", () => {
    expect(json(root(`config check ${at.e1000e} --json`)).errors).toBe(0);
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
    ] as const) {
      const { status, out } = user(line);
      expect(status).toBe(1);
      const { error } = expectNamed(out);
      expect(error).toMatchObject({ code: "ERR_PERMISSION", path: expect.stringMatching(`/${file}$`) });
      expect(error.hint).toMatch(/root|sudo/);
    }
  });
});
