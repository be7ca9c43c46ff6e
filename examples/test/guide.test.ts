import { readFileSync } from "node:fs";
import { decodeAccess, emulated, formatRegisters, registersOf } from "@userpci/device-model";
import { openDevice } from "userpci";
import { describe, expect, it } from "vitest";
import adder, { adderRegisters } from "../adder.ts";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const guide = read("docs/write-a-device.md");

describe("the guide to devices", () => {
  it("shows the device and its driver as they are, the device in at most 40 lines", () => {
    for (const file of ["examples/adder.ts", "examples/add.ts"]) {
      expect(guide).toContain(`\`\`\`ts\n${read(file)}\`\`\``);
    }
    expect(read("examples/adder.ts").trimEnd().split("\n").length).toBeLessThanOrEqual(40);
  });

  it("prints the register map as it is, and an access in words", () => {
    const indented = formatRegisters(adderRegisters).replaceAll(/^(?=\|)/gm, "  ");
    expect(guide).toContain(indented);
    const text = decodeAccess(adderRegisters, 0x10, 4, 1);
    expect(guide).toContain(`\`decodeAccess(adderRegisters, 0x10, 4, 1)\` is \`${text}\``);
  });

  it("says what the device does when its DMA fails", async () => {
    const script = '{ script: [{ at: { dma: 1 }, fault: "dmaError" }] }';
    expect(guide).toContain(`emulated(adder, ${script})`);
    const backend = emulated(adder, { script: [{ at: { dma: 1 }, fault: "dmaError" }] });
    await using device = await openDevice("adder", { backend });
    device.config.command.update({ memory: true, busMaster: true });
    using bar = device.bar(0).map();
    const { ADDRESS, SIZE, STATUS, SUM } = registersOf(adderRegisters, bar);
    await using memory = await device.dma.alloc(4096);
    memory.bytes.fill(5);
    const finished: string[] = [];
    for (let i = 0; i < 2; i++) {
      ADDRESS.write(memory.iova);
      SIZE.write(memory.size);
      while (STATUS.read() === 0) device.relax();
      finished.push(STATUS.get("FAULT") ? "fault" : `the sum is ${SUM.read()}`);
      STATUS.write(STATUS.read());
    }
    expect(finished).toEqual(["fault", "the sum is 20480"]);
  });
});

it("the README of @userpci/device-model shows its example as it is", () => {
  expect(read("packages/device-model/README.md")).toContain(`\`\`\`ts\n${read("examples/doubler.ts")}\`\`\``);
});
