import { expect, test } from "vitest";
import { newestSource } from "./kernel-source.ts";

test("the newest source is taken, by number, without its patches or other flavours", () => {
  expect(
    newestSource([
      "linux-source-6.12",
      "linux-source-6.9",
      "linux-source-7.2",
      "linux-source-7.10",
      "linux-source-7.11-rt",
      "linux-source",
    ]),
  ).toBe("linux-source-7.10");
  expect(newestSource(["linux-source", "linux-support-7.2"])).toBeUndefined();
});
