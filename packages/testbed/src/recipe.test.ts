import fc from "fast-check";
import { expect, test } from "vitest";
import { compareVersions, newestKernel } from "./recipe.ts";

test("the newest generic signed kernel is taken", () => {
  expect(
    newestKernel([
      "linux-image-6.12.9+deb12-amd64",
      "linux-image-6.12.95+deb12-amd64-unsigned",
      "linux-image-6.12.95+deb12-amd64",
      "linux-image-6.12.95+deb12-amd64-dbg",
      "linux-image-6.12.96+deb12-cloud-amd64",
      "linux-image-6.12.96+deb12-rt-amd64",
      "linux-image-6.12.90+deb12.1-amd64",
    ]),
  ).toBe("linux-image-6.12.95+deb12-amd64");
});

test("an unsigned kernel does when it is newer, and nothing is taken from nothing", () => {
  expect(newestKernel(["linux-image-6.12.95+deb12-amd64", "linux-image-6.12.96+deb12-amd64-unsigned"])).toBe(
    "linux-image-6.12.96+deb12-amd64-unsigned",
  );
  expect(newestKernel(["linux-image-6.12.96+deb12-cloud-amd64"])).toBeUndefined();
});

test("numbers order versions", () => {
  expect(compareVersions("6.12.9", "6.12.10")).toBe(-1);
  expect(compareVersions("6.12.90+deb12.1", "6.12.90+deb12")).toBe(1);
  expect(compareVersions("6.12.90", "6.12.90")).toBe(0);
});

test("the order is antisymmetric", () => {
  const version = fc.array(fc.nat(200), { minLength: 1, maxLength: 4 }).map((numbers) => numbers.join("."));
  fc.assert(
    fc.property(version, version, (a, b) => {
      expect(compareVersions(a, b) + compareVersions(b, a)).toBe(0);
    }),
  );
});
