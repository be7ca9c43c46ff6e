import { expect, it } from "vitest";
import { accessError, valueError } from "../access.ts";
import type { Region } from "../region.ts";
import { wrongRefusals } from "./region.ts";

/** A region of 64 bytes that does nothing but check; `skip` leaves one check out. */
function regionWithout(skip: "values" | "offsets" | "nothing"): Region {
  const read = (width: number) => (offset: number) => {
    const error = skip === "offsets" ? undefined : accessError("a region", 64, offset, width);
    if (error !== undefined) throw error;
    return 0;
  };
  const write = (width: number) => (offset: number, value: number | bigint) => {
    read(width)(offset);
    const error = skip === "values" ? undefined : valueError("a region", offset, width, value);
    if (error !== undefined) throw error;
  };
  const region = { size: 64, read8: read(1), read16: read(2), read32: read(4), read64: read(8) };
  const writes = { write8: write(1), write16: write(2), write32: write(4), write64: write(8) };
  return { ...region, ...writes } as unknown as Region;
}

it("finds nothing wrong with a region that checks offsets and values", () => {
  expect(wrongRefusals(regionWithout("nothing"))).toEqual([]);
});

it("names each access that was let through", () => {
  const values = wrongRefusals(regionWithout("values"));
  expect(values).toHaveLength(4 * 8);
  expect(values).toContain("write64(0, 5) gave undefined, not ERR_INVALID_ARGUMENT");
  const offsets = wrongRefusals(regionWithout("offsets"));
  expect(offsets).toContain("read32(64) gave 0, not ERR_OUT_OF_RANGE");
  expect(offsets).toContain("read16(1) gave 0, not ERR_MISALIGNED");
  expect(wrongRefusals(regionWithout("offsets"), { has64: false }).join()).not.toContain("64(");
});
