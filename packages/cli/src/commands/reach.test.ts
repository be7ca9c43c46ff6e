import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeMachine } from "@userpci/sysfs/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CommandCall, OptionValues } from "../command.ts";
import { run } from "../run.ts";
import { createStyle } from "../style.ts";
import type { Terminal } from "../terminal.ts";
import { expectLines, expectNamed, expectSchema } from "../testing/schema.ts";

async function userpci(line: string) {
  let out = "";
  let notes = "";
  const plain = createStyle(false);
  const terminal: Terminal = {
    write: (text) => {
      out += typeof text === "string" ? text : Buffer.from(text).toString("latin1");
    },
    note: (text) => {
      notes += text;
    },
    style: plain,
    noteStyle: plain,
    interactive: false,
    columns: undefined,
    noteColumns: undefined,
  };
  const status = await run(line.split(" "), terminal);
  return { status, out, notes };
}

/** What a line printed, held against its schema; as text too, which must not be empty. */
async function json(line: string, status = 0) {
  const text = await userpci(line);
  expect(text.status).toBe(status);
  expect(text.out + text.notes).not.toBe("");
  const { out, status: again } = await userpci(`${line} --json`);
  expect(again).toBe(status);
  return expectNamed(out);
}

const directory = mkdtempSync(join(tmpdir(), "userpci-reach-"));
afterAll(() => rmSync(directory, { recursive: true }));

describe("on an emulated device", () => {
  it("config get reads by name and number", async () => {
    const { registers } = await json("config get --model edu command.memory COMMAND msi.control");
    expect(registers[0]).toMatchObject({ name: "command.memory", value: expect.any(Boolean) });
    expect(registers[1]).toMatchObject({ offset: 4, width: 16 });
    const lines = expectLines(
      "config get",
      (await userpci("config get --model edu command status --jsonl")).out,
    );
    expect(lines).toHaveLength(2);
  });

  it("config set writes, plans, and notes nothing", async () => {
    const { writes } = await json("config set --model edu command.busMaster=1");
    expect(writes[0].now & 4).toBe(4);
    const planned = await json("config set --model edu command.busMaster=1 --plan");
    expect(planned).toMatchObject({ planned: true, writes: [{ after: expect.any(Number) }] });
    expect(planned.writes[0].now).toBeUndefined();
    expect((await json("config set --model edu --undo", 1)).error.code).toBe("ERR_NOT_SUPPORTED");
    expect((await json("config set --model edu --undo command=1", 2)).error.code).toBe(
      "ERR_INVALID_ARGUMENT",
    );
  });

  it("config check, explain and diff look at it", async () => {
    expect(await json("config check --model nvme")).toMatchObject({ errors: 0, configBytes: 4096 });
    const { structures } = await json("config explain --model nvme");
    expect(structures[0]).toEqual({ kind: "header", name: "header", offset: 0, length: 64 });
    const { registers } = await json("config explain --model nvme command.busMaster 10.l --profile vfio2010");
    expect(registers.map(({ mask }: { mask: number }) => mask)).toEqual([4, 0xffff_ffff]);
    const file = join(directory, "edu.bin");
    const bytes = new Uint8Array(256);
    bytes.set([0x34, 0x12, 0xe8, 0x11]);
    writeFileSync(file, bytes);
    const { before, after, changes } = await json(`config diff ${file} --model edu`, 1);
    expect([before, after]).toEqual([file, "edu"]);
    expect(changes.length).toBeGreaterThan(1);
    expect((await json("config explain --model edu --profile none", 2)).error.code).toBe(
      "ERR_INVALID_ARGUMENT",
    );
  });

  it("mem reads, writes and dumps, with the names of its registers", async () => {
    const { values } = await json("mem read --model edu 0 IDENTIFICATION");
    expect(values).toEqual([
      { offset: 0, value: "0x010000ed", text: "IDENTIFICATION = 0x10000ed MAGIC=0xed MAJOR=1" },
    ]);
    expect((await json("mem read --model nvme 0 0 2 --width 64")).values).toHaveLength(2);
    expect((await json("mem write --model edu 0 LIVENESS 0x1 --read-back")).writes[0].now).toBe("0xfffffffe");
    expect((await json("mem dump --model edu 0 0 16")).rows).toEqual([
      expect.stringMatching(/^00000000 {2}ed 00 00 01 /),
    ]);
    const file = join(directory, "bar.bin");
    expect(await json(`mem dump --model nvme 0 0 64 --output ${file}`)).toMatchObject({ file, length: 64 });
    const saved = readFileSync(file);
    expect(saved).toHaveLength(64);
    const piped = await userpci("mem dump --model nvme 0 0 64 -o -");
    expect(piped).toEqual({ status: 0, out: saved.toString("latin1"), notes: "" });
  });

  it.each([
    ["mem read --model edu 7 0", 2, "ERR_INVALID_ARGUMENT"],
    ["mem read --model edu 1 0", 1, "ERR_NOT_SUPPORTED"],
    ["mem read --model edu 0 NOTHING", 2, "ERR_INVALID_ARGUMENT"],
    ["mem read --model edu 0 0 0", 2, "ERR_OUT_OF_RANGE"],
    ["mem read --model edu 0 0x1", 1, "ERR_MISALIGNED"],
    ["mem read --model edu 0 0 --width 12", 2, "ERR_INVALID_ARGUMENT"],
    ["mem write --model edu 0 4 0x100000000", 1, "ERR_OUT_OF_RANGE"],
    ["mem dump --model edu 0 0 3", 1, "ERR_MISALIGNED"],
    ["config diff ffff:ff:1f.7 --model edu", 2, "ERR_NO_DEVICE"],
    ["config diff /no/such/file --model edu", 2, "ERR_INVALID_ARGUMENT"],
    ["--json config check ffff:ff:1f.7", 2, "ERR_NO_DEVICE"],
    ["config get ffff:ff:1f.7 command", 1, "ERR_NO_DEVICE"],
    ["mem read --model nothing 0 0", 2, "ERR_INVALID_ARGUMENT"],
    ["mem read --model edu --socket /tmp/x 0 0", 2, "ERR_INVALID_ARGUMENT"],
    ["rom --model edu", 1, "ERR_NOT_SUPPORTED"],
    ["reset --model edu", 1, "ERR_NO_RESET"],
    ["reset --model nvme --method flr --plan", 1, "ERR_NOT_SUPPORTED"],
    ["irq watch --model edu --kind msix", 1, "ERR_NOT_SUPPORTED"],
    ["irq watch --model edu --kind nmi", 2, "ERR_INVALID_ARGUMENT"],
    ["irq watch --model edu --write 0:0x60", 2, "ERR_INVALID_ARGUMENT"],
    ["dma test --model nic", 1, "ERR_NOT_SUPPORTED"],
    ["dma test --model edu --rounds 0", 2, "ERR_OUT_OF_RANGE"],
    ["irq watch --model edu --count 0", 2, "ERR_OUT_OF_RANGE"],
    ["irq watch --model edu --vectors 99", 1, "ERR_OUT_OF_RANGE"],
    ["show -F /no/such/file", 2, "ERR_INVALID_ARGUMENT"],
    ["show -F - --root /", 2, "ERR_INVALID_ARGUMENT"],
  ])("%s ends with %i and %s", async (line, status, code) => {
    const { error } = await json(line, status);
    expect(error.code).toBe(code);
    expect(error.hint).toMatch(/\w/);
  });

  it("rom tells the images of a model that has some, and saves them", async () => {
    const rom = new Uint8Array(2048);
    const view = new DataView(rom.buffer);
    view.setUint16(0, 0xaa55, true);
    view.setUint16(0x18, 0x1c, true);
    rom.set(new TextEncoder().encode("PCIR"), 0x1c);
    for (const [at, value] of [
      [0x20, 0x1234],
      [0x22, 0x11e8],
      [0x2c, 2],
      [0x30, 0x8003],
    ] as const)
      view.setUint16(at, value, true);
    const model = join(directory, "model.mjs");
    const source = import.meta.resolve("@userpci/edu/model");
    writeFileSync(
      model,
      `import { edu } from ${JSON.stringify(source)};\nexport default { ...edu(), rom: Uint8Array.of(${rom}) };\n`,
    );
    const file = join(directory, "card.rom");
    expect(await json(`rom --model ${model} --output ${file}`)).toMatchObject({
      bytes: 1024,
      problem: null,
      images: [{ kind: "efi", offset: 0, length: 1024, id: "1234:11e8" }],
    });
    const saved = readFileSync(file);
    expect(saved).toEqual(Buffer.from(rom.subarray(0, 1024)));
    expect(await userpci(`rom --model ${model} -o -`)).toEqual({
      status: 0,
      out: saved.toString("latin1"),
      notes: "",
    });
  });

  it.each([
    ["mem read --model edu 1 0", "edu has no BAR 1", "it has BAR 0"],
    ["mem write --model edu 5 0 1", "edu has no BAR 5", "it has BAR 0"],
    [
      "config get --model edu pm.control",
      "the function has no register pm.control",
      "it has registers of header, msi",
    ],
  ])("%s tells what there is", async (line, message, hint) => {
    expect((await json(line, 1)).error).toMatchObject({ message, hint });
  });

  it.each(["mem dump --model edu 0", "rom --model edu"])(
    "%s cannot give bytes and JSON to one output",
    async (line) => {
      const { status, out } = await userpci(`${line} -o - --json`);
      expect([status, expectNamed(out).error.code]).toEqual([2, "ERR_INVALID_ARGUMENT"]);
    },
  );

  it("reset resets, or only says how", async () => {
    expect(await json("reset --model nvme")).toMatchObject({
      via: "emulated",
      durationMs: expect.any(Number),
    });
    expect(await json("reset --model edu --plan")).toMatchObject({
      planned: true,
      methods: [],
      durationMs: null,
    });
  });

  it("irq watch tells of each event, as it comes", async () => {
    const line =
      "irq watch --model edu --write 0:INTERRUPT_RAISE=1 --ack 0:INTERRUPT_ACKNOWLEDGE=1 --count 1";
    expect(await json(line)).toMatchObject({ kind: "msi", events: 1, vectors: [{ vector: 0, events: 1 }] });
    const { out } = await userpci("irq watch --model nvme --trigger --vectors 3 --count 3 --jsonl");
    expect(expectLines("irq watch", out)).toHaveLength(4);
    expect(await json("irq watch --model edu --count 1 --seconds 0.02", 1)).toMatchObject({
      events: 0,
      ended: "time",
    });
  });

  it("irq watch leaves nothing behind when the device cannot begin", async () => {
    const listeners = process.listenerCount("SIGTERM");
    const { status } = await userpci("irq watch --model edu --write 5:0=1 --seconds 0.5");
    expect([status, process.listenerCount("SIGTERM")]).toEqual([1, listeners]);
  });

  it.each(["edu", "nvme"])("dma test lets %s move memory", async (model) => {
    expect(await json(`dma test --model ${model} --rounds 20`)).toMatchObject({
      engine: model,
      rounds: 20,
      faults: [],
    });
    const { out } = await userpci(`dma test --model ${model} --rounds 2 --jsonl`);
    expect(expectLines("dma test", out)).toHaveLength(3);
  });
});

it("says what it waits for where a server lets it wait", async () => {
  const path = join(directory, "silent.sock");
  const server = createServer((socket) => setTimeout(() => socket.destroy(), 1300));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const { status, notes } = await userpci(`config get --socket ${path} command`);
  server.close();
  expect(status).toBe(1);
  expect(notes).toMatch(
    /^waiting for the server at \S+silent\.sock: another client may have its device\nerror/,
  );
});

describe("on a function of this machine", () => {
  const root = join(directory, "machine");
  const config = join(root, "sys/bus/pci/devices/0000:00:04.0/config");
  const bytes = new Uint8Array(256);
  bytes.set([0x34, 0x12, 0xe8, 0x11, 0x03, 0x01]);
  beforeAll(() => {
    const fn = { id: "1234:11e8", config: bytes, resetMethods: "flr bus" };
    writeMachine(root, {
      functions: [
        { ...fn, address: "0000:00:04.0", driver: "edu" },
        { ...fn, address: "0000:00:05.0" },
      ],
    });
  });

  async function set(words: readonly string[], options: OptionValues = {}) {
    const { run: command } = await import("./config/set.ts");
    const call = { arguments: ["00:04.0"], rest: words, options: { root, yes: true, ...options } };
    const { json: result } = await command(call as unknown as CommandCall);
    return expectSchema("config set", { schema: "userpci:config-set/1", ...result });
  }

  it("config set notes what was there, and takes one change after the other back", async () => {
    await set(["command.busMaster=1", "INTERRUPT_LINE=b"]);
    await set(["COMMAND=0"]);
    expect([...readFileSync(config).subarray(4, 6)]).toEqual([0, 0]);
    await set([], { undo: true });
    expect([...readFileSync(config).subarray(4, 6)]).toEqual([0x07, 0x01]);
    await set([], { undo: true });
    expect(readFileSync(config)).toEqual(Buffer.from(bytes));
    await expect(set([], { undo: true })).rejects.toMatchObject({ code: "ERR_NOT_SUPPORTED" });
  });

  it("config set is refused while a driver has it, without --yes", async () => {
    await expect(set(["COMMAND=0"], { yes: undefined })).rejects.toMatchObject({ code: "ERR_IN_USE" });
    expect(readFileSync(config)).toEqual(Buffer.from(bytes));
  });

  it("config set tells how to take it back while a driver has it", async () => {
    const { run: command } = await import("./config/set.ts");
    const back = async (options: OptionValues, address: string) => {
      const call = { arguments: [address], rest: ["COMMAND=0"], options: { root, ...options } };
      return (await command(call as unknown as CommandCall)).text(createStyle(false)).at(-1);
    };
    const line = "to take it back: sudo userpci config set";
    expect(await back({ yes: true }, "00:04.0")).toBe(`${line} 0000:00:04.0 --undo --yes`);
    expect(await back({ yes: true }, "00:05.0")).toBe(`${line} 0000:00:05.0 --undo`);
    for (const address of ["00:04.0", "00:05.0"]) {
      const call = { arguments: [address], rest: [], options: { root, yes: true, undo: true } };
      await command(call as unknown as CommandCall);
    }
  });

  it("config get tells what an ordinary user may not see from what there is not", async () => {
    const { run: command } = await import("./config/get.ts");
    const header = join(directory, "header");
    const functions = [{ address: "0000:00:04.0", id: "1234:11e8", config: bytes.subarray(0, 64) }];
    writeMachine(header, { functions });
    const get = (name: string, tree: string) =>
      command({ arguments: ["00:04.0"], rest: [name], options: { root: tree } } as unknown as CommandCall);
    await expect(get("pcie.linkStatus", header)).rejects.toMatchObject({
      code: "ERR_NOT_SUPPORTED",
      message: "of 0000:00:04.0 only 64 bytes could be read, and not all that was asked for is in them",
      hint: "not known: the copy has the first 64 bytes of configuration space; one that root makes has all",
    });
    await expect(get("CAP_EXP+12.w", header)).rejects.toMatchObject({
      message: expect.stringContaining("only 64"),
    });
    const message = "the function has no register pcie.linkStatus";
    await expect(get("pcie.linkStatus", root)).rejects.toMatchObject({ code: "ERR_NOT_SUPPORTED", message });
  });

  it("reset --plan goes by the method that is named, and refuses one that there is not", async () => {
    const { run: command } = await import("./reset.ts");
    const plan = (method: string) => {
      const call = { arguments: ["00:05.0"], rest: [], options: { root, plan: true, method } };
      return command(call as unknown as CommandCall);
    };
    const report = await plan("bus");
    expect(report.text(createStyle(false))[0]).toBe("0000:00:05.0  would be reset by bus");
    expect(report.text(createStyle(false)).join("\n")).not.toContain("else by");
    await expect(plan("warm")).rejects.toMatchObject({
      code: "ERR_NO_RESET",
      message: "0000:00:05.0 has no reset method warm",
      hint: "it has flr, bus",
    });
  });

  it("rom tells that a function sleeps, whose ROM would not answer", async () => {
    const sleeper = "0000:00:06.0";
    const asleep = Uint8Array.from(bytes);
    // Capabilities (status, bit 4) from 0x40 on: power management, in D3hot.
    asleep.set([0x10], 6);
    asleep.set([0x40], 0x34);
    asleep.set([0x01, 0x00, 0x03, 0x00, 0x03], 0x40);
    const rom: [bigint, bigint, bigint] = [0xfe00_0000n, 0xfe00_07ffn, 0x4_6200n];
    const resources = [...Array(6).fill([0n, 0n, 0n]), rom];
    const tree = join(directory, "asleep");
    writeMachine(tree, { functions: [{ address: sleeper, id: "1234:11e8", config: asleep, resources }] });
    const { run: command } = await import("./rom.ts");
    const terminal = { note: () => expect.unreachable("it is no work of seconds") };
    const call = { arguments: ["00:06.0"], rest: [], options: { root: tree }, terminal };
    await expect(command(call as unknown as CommandCall)).rejects.toMatchObject({
      code: "ERR_MEMORY_DISABLED",
      message: expect.stringContaining("sleeps in D3"),
      hint: `sudo userpci config set ${sleeper} pm.control.powerState=D0`,
    });
  });

  it("config check, diff and explain of what an ordinary user reads are no verdict on the rest", async () => {
    const short = join(directory, "short");
    const header = Uint8Array.from(bytes.subarray(0, 64));
    header.set([0x10], 6);
    header.set([0x40], 0x34);
    const functions = ["0000:00:04.0", "0000:00:05.0"].map((address) => ({
      address,
      id: "1234:11e8",
      config: header,
    }));
    writeMachine(short, { functions });
    const note = "of 0000:00:04.0 only 64 bytes could be read\n";
    const checked = await userpci(`config check 00:04.0 --root ${short}`);
    expect(checked).toMatchObject({ status: 0, notes: note });
    expect(checked.out).toMatch(/^warning {2}at 0x40: .*\(short-region\)\n$/);
    expect(await userpci(`config diff 00:04.0 00:05.0 --root ${short}`)).toMatchObject({ notes: note });
    expect(await userpci(`config explain 00:04.0 --root ${short}`)).toMatchObject({ notes: note });
    const { notes } = await userpci(`config explain 00:04.0 pm.control --root ${short}`);
    expect(notes).toContain("only 64 bytes could be read, and not all that was asked for is in them");
  });

  it("config get and diff read it", async () => {
    expect((await json(`config get 00:04.0 command --root ${root}`)).registers[0].raw).toBe(0x103);
    expect((await json(`config diff 00:04.0 00:05.0 --root ${root}`)).changes).toEqual([]);
  });
});
