import { expect, it } from "vitest";
import { deviceFeatures, optionalFeatures } from "./features.ts";

const features = deviceFeatures("0000:01:00.0", (name) => name === "dma-buf");

it("a feature that is not there is refused with what would bring it", () => {
  expect(features.has("dma-buf")).toBe(true);
  expect(features.need("dma-buf")).toBeUndefined();
  expect(features.has("pasid")).toBe(false);
  expect(() => features.need("pasid")).toThrow(
    expect.objectContaining({
      code: "ERR_NOT_SUPPORTED",
      message: expect.stringContaining('0000:01:00.0 does not have "pasid"'),
      hint: expect.stringContaining("Linux 6.15"),
    }),
  );
});

it("the list has every feature, with whether it is there", () => {
  const list = features.list();
  expect(list.map(({ name }) => name)).toEqual(Object.keys(optionalFeatures));
  expect(list.filter(({ supported }) => supported).map(({ name }) => name)).toEqual(["dma-buf"]);
});

it("what would bring a feature is a version of Linux, unless it is the hardware alone", () => {
  const hardware = ["reset", "hot-reset"];
  for (const [name, { brings }] of Object.entries(optionalFeatures)) {
    expect(/Linux \d+\.\d+/.test(brings), name).toBe(!hardware.includes(name));
  }
});

it("what is no feature is no absent one either", () => {
  for (const name of ["telepathy", "toString"]) {
    expect(() => features.has(name as never)).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }),
    );
  }
});

it("refuses what is no name in words, whatever it is", () => {
  for (const name of [{}, Object.create(null), Symbol("x")] as never[]) {
    expect(() => features.has(name)).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }));
  }
});
