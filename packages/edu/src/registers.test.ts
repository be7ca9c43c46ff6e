import { readFileSync } from "node:fs";
import { decodeAccess, formatRegisters } from "@userpci/device-model/registers";
import { expect, expectTypeOf, it } from "vitest";
import { cause, dmaCommand, eduRegisters, register, status } from "./registers.ts";

it("offsets and bits come from the table", () => {
  expect([register.STATUS, register.INTERRUPT_ACKNOWLEDGE, register.DMA_COMMAND]).toEqual([0x20, 0x64, 0x98]);
  expect(status).toEqual({ COMPUTING: 0x01, INTERRUPT_WHEN_DONE: 0x80 });
  expect(dmaCommand).toEqual({ START: 1, FROM_DEVICE: 2, INTERRUPT_WHEN_DONE: 4 });
  expect(cause).toEqual({ FACTORIAL: 0x001, DMA: 0x100 });
  expectTypeOf(status).toEqualTypeOf<Readonly<Record<"COMPUTING" | "INTERRUPT_WHEN_DONE", number>>>();
});

it("an access is told in words", () => {
  const text = decodeAccess(eduRegisters, register.STATUS, 4, 0x81);
  expect(text).toBe("STATUS = 0x81 COMPUTING INTERRUPT_WHEN_DONE");
});

it("the README prints the map of the registers as it is", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  expect(readme).toContain(`\n${formatRegisters(eduRegisters)}\n`);
});
