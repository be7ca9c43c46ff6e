import { expect, it } from "vitest";
import { withExtended } from "../testing/extended-space.ts";

it("has an entry for each BAR", () => {
  const twoBars = [0x0000_0070, 0x0001_0140, 0x0000_0010, 0x0000_0002];
  for (const name of ["resizableBar", "vfResizableBar"] as const) {
    const capability = withExtended(name, twoBars).findExtended(name)!;
    expect(capability.length).toBe(0x14);
    expect(capability.bars.map(({ control }) => control.bar)).toEqual([0, 2]);
    expect(capability.bars.map(({ capabilities }) => capabilities.sizes)).toEqual([7, 1]);
    expect(capability.bars[0]!.control).toMatchObject({ count: 2, size: 1, largeSizes: 1 });
  }
});

it("changes the size of one", () => {
  const { bars } = withExtended("resizableBar", [0x0000_0070, 0x0000_0020]).findExtended("resizableBar")!;
  bars[0]!.control.update({ size: 2 });
  expect(bars[0]!.control.raw).toBe(0x220);
});
