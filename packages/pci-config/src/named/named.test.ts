import { isPciError } from "@userpci/interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesRegion } from "../bytes.ts";
import { configOf } from "../config.ts";
import { codeOf, list, recordingRegion, space } from "../testing/regions.ts";
import { applyEdits, planEdits, planUndo } from "./edit.ts";
import { readNamed } from "./read.ts";
import { configRegisters, findNamed } from "./registers.ts";

/** Command 0103, status with a pending abort, PM in D0, MSI, two vendor capabilities. */
const bytes = () =>
  space(
    256,
    [0x04, 0x03, 0x01, 0x10, 0x20],
    ...list(0x40),
    [0x40, 0x01, 0x48],
    [0x48, 0x05, 0x60, 0x80],
    [0x60, 0x09, 0x70, 8],
    [0x70, 0x09, 0x00, 8],
  );

function opened() {
  const { region, log } = recordingRegion(bytes());
  const config = configOf(region);
  return { config, log, writes: () => log.filter((entry) => entry.startsWith("write")) };
}

describe("registers by name", () => {
  it("are those that the function has, of the header, of each capability, and of a second one of a kind", () => {
    const names = configRegisters(opened().config).map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(["command", "bar0", "pm.control", "msi.control", "msi.data"]),
    );
    expect(names.some((name) => name.startsWith("vendor[1]."))).toBe(true);
    expect(new Set(names).size).toBe(names.length);
  });

  it("are read with one access, as one number and by field", () => {
    const { config, log } = opened();
    log.length = 0;
    const [command, busMaster, same] = readNamed(config, ["command", "command.busMaster", "header.command"]);
    expect(command).toMatchObject({ offset: 4, width: 16, raw: 0x0103, text: "io, memory, systemError" });
    expect(busMaster).toMatchObject({ raw: 0x0103, value: false });
    expect(same!.raw).toBe(0x0103);
    expect(log.filter((entry) => entry === "read16 0x4")).toHaveLength(3);
  });

  it("may be given as setpci has them", () => {
    const [byName, byNumber, byCapability] = readNamed(opened().config, ["COMMAND", "4.w", "CAP_PM+4.w"]);
    expect(byName).toMatchObject({ raw: 0x0103, fields: { io: true, memory: true } });
    expect(byNumber!.text).toBe(byName!.text);
    expect(byCapability!.text).toBe("powerState D0");
  });

  it.each([
    ["pm.nothing", "ERR_NOT_SUPPORTED"],
    ["command.nothing", "ERR_INVALID_ARGUMENT"],
    ["aer.uncorrectableStatus", "ERR_NOT_SUPPORTED"],
    ["nothing", "ERR_INVALID_ARGUMENT"],
    ["COMMAND=1", "ERR_INVALID_ARGUMENT"],
  ])("%s is refused with %s, before anything is read", (name, code) => {
    const { config, log } = opened();
    log.length = 0;
    expect(codeOf(() => readNamed(config, ["interruptLine", name]))).toBe(code);
    expect(log).not.toContain("read8 0x3c");
  });
});

describe("edits", () => {
  it("change a field, and leave the others, with one write", () => {
    const { config, writes } = opened();
    const edits = planEdits(config, ["command.busMaster=1"]);
    expect(edits).toEqual([
      { name: "command.busMaster", offset: 4, width: 16, before: 0x103, after: 0x107, clears: 0 },
    ]);
    expect(writes()).toEqual([]);
    expect(applyEdits(config, edits)).toEqual([0x107]);
    expect(writes()).toEqual(["write16 0x4 0x107"]);
  });

  it("know words, masks and what earlier ones leave", () => {
    const { config } = opened();
    expect(planEdits(config, ["pm.control.powerState=d3HOT"])[0]!.after & 3).toBe(3);
    const after = planEdits(config, ["COMMAND=4:4", "command.memory=0", "command=0:1"]).map(
      (edit) => edit.after,
    );
    expect(after).toEqual([0x107, 0x105, 0x104]);
  });

  it("tell which pending bits they clear, and leave those that are not named", () => {
    const { config } = opened();
    expect(planEdits(config, ["STATUS=2000:2000"])[0]!.clears).toBe(0x2000);
    expect(planEdits(config, ["status.receivedMasterAbort=1"])[0]).toMatchObject({ clears: 0x2000 });
    expect(planEdits(config, ["status.detectedParityError=1"])[0]!.clears).toBe(0);
  });

  it("are taken back in the reverse order, without clearing what was pending", () => {
    const { config } = opened();
    const edits = planEdits(config, ["command=0", "command=7", "STATUS=0:1"]);
    applyEdits(config, edits);
    const undo = planUndo(config, edits);
    expect(undo.map(({ offset, after }) => [offset, after])).toEqual([
      [6, 0x0010],
      [4, 0],
      [4, 0x103],
    ]);
    expect(applyEdits(config, undo).at(-1)).toBe(0x103);
  });

  it.each([
    ["vendorId=1", "ERR_INVALID_ARGUMENT"],
    ["pm.capabilities.version=1", "ERR_INVALID_ARGUMENT"],
    ["command.busMaster=2", "ERR_INVALID_ARGUMENT"],
    ["command=10000", "ERR_OUT_OF_RANGE"],
    ["command=zz", "ERR_INVALID_ARGUMENT"],
    ["command", "ERR_INVALID_ARGUMENT"],
    ["pm.control.powerState=4", "ERR_OUT_OF_RANGE"],
  ])("%s is refused with %s", (text, code) => {
    expect(codeOf(() => planEdits(opened().config, [text]))).toBe(code);
  });

  it.each(["2:3", "6:zz", ""])("command=1:%s has no mask, as COMMAND=1:%s", (mask) => {
    for (const name of ["command", "COMMAND"]) {
      expect(() => planEdits(opened().config, [`${name}=1:${mask}`])).toThrow(`Invalid mask "${mask}"`);
    }
  });

  it.each([
    ["revisionId=1", "8.b"],
    ["deviceId=1", "2.w"],
    ["baseClass=1", "b.b"],
    ["pm.capabilities=1", "42.w"],
    ["pm.capabilities.version=1", "42.w"],
  ])("%s is refused, and may be written by the number of that register", (text, number) => {
    const hint = `give the register's number to write it all the same: ${number}=…`;
    expect(() => planEdits(opened().config, [text])).toThrow(expect.objectContaining({ hint }));
  });
});

const names = configRegisters(configOf(bytesRegion(bytes()))).map(({ name }) => name);
const word = fc.oneof(
  fc.constantFrom(...names, "COMMAND", "10.l", "CAP_PM+4.w", "header"),
  fc.string({ maxLength: 5 }),
);
const texts = fc
  .array(fc.tuple(word, fc.constantFrom("", ".", "=", "[1].", ":", "=1", ".w", "=1:1")), { maxLength: 3 })
  .map((parts) => parts.flat().join(""));

it("any text is an edit that fits its register, or is refused with an error of ours", () => {
  const { config } = opened();
  const registers = configRegisters(config);
  fc.assert(
    fc.property(texts, (text) => {
      try {
        findNamed(registers, text);
        for (const { width, before, after } of planEdits(config, [text])) {
          expect(before).toBeLessThan(2 ** width);
          expect(after).toBeLessThan(2 ** width);
        }
      } catch (error) {
        if (!isPciError(error)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
});
