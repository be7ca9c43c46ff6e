import type { Region } from "@userpci/interface";
import { expect, it } from "vitest";
import { DeviceMeter } from "./meter.ts";

it("counts what is read at once as one access, which was not refused, and offers it only where the region does", () => {
  const meter = new DeviceMeter();
  const rom = {
    size: 16,
    readInto(offset: number, bytes: Uint8Array): void {
      if (offset + bytes.length > 16) throw new RangeError();
      bytes.fill(0x55);
    },
  } as Partial<Region> as Region;
  const region = meter.called(rom);
  const bytes = new Uint8Array(16);
  region.readInto!(0, bytes);
  expect(bytes).toEqual(new Uint8Array(16).fill(0x55));
  expect(() => region.readInto!(1, bytes)).toThrow(RangeError);
  expect(meter.registers().called).toEqual({ reads: 1, writes: 0 });
  expect(meter.called({ size: 16 } as Partial<Region> as Region).readInto).toBeUndefined();
});
