import { isPciError } from "@userpci/interface";
import { describe, expect, it } from "vitest";
import { bytesRegion } from "./bytes.ts";
import { type ConfigSpace, configOf } from "./config.ts";
import { fromBytes } from "./content.ts";
import { parseDump } from "./dump.ts";
import { standardCapabilities } from "./standard.ts";

// What JavaScript can pass and TypeScript would refuse.
const config = configOf(bytesRegion(new Uint8Array(4096)));
const find = (name: unknown) => config.find(name as Parameters<ConfigSpace["find"]>[0]);
const findExtended = (name: unknown) =>
  config.findExtended(name as Parameters<ConfigSpace["findExtended"]>[0]);

/** Message and hint of the ERR_INVALID_ARGUMENT that `run` throws. */
function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isPciError(error, "ERR_INVALID_ARGUMENT")) return `${error.message} (${error.hint})`;
    throw error;
  }
  return "nothing thrown";
}

describe("a capability's name", () => {
  it("finds nothing where the function lacks it, and is refused where there is no such name", () => {
    expect(find("pm")).toBeUndefined();
    expect(refusal(() => find("nope"))).toBe(
      `there is no standard capability "nope" (use one of ${Object.keys(standardCapabilities).join(", ")})`,
    );
    for (const name of ["__proto__", "constructor", "", 5, null, undefined, {}]) {
      expect(refusal(() => find(name))).toMatch(/^there is no standard capability/);
      expect(refusal(() => findExtended(name))).toMatch(/^there is no extended capability/);
    }
  });

  it("is refused with those that are like it, or with where it belongs", () => {
    expect(refusal(() => find("MSIX"))).toBe('there is no standard capability "MSIX" (use one of msi, msix)');
    expect(refusal(() => find("aer"))).toMatch(/use findExtended\("aer"\)/);
    expect(refusal(() => findExtended("pcie"))).toMatch(/use find\("pcie"\)/);
    expect(refusal(() => findExtended("resizable"))).toMatch(/use one of resizableBar, vfResizableBar\)$/);
  });
});

describe("what is no space, no bytes and no text is refused by name", () => {
  it.each([
    [Array(64).fill(0)],
    [null],
    [undefined],
    [new ArrayBuffer(64)],
    [new Uint16Array(64)],
    ["x"],
    [64],
  ])("as bytes: %j", (bytes) => {
    expect(refusal(() => fromBytes(bytes as unknown as Uint8Array))).toMatch(
      /^bytes must be a Uint8Array, not /,
    );
    expect(refusal(() => bytesRegion(bytes as unknown as Uint8Array))).toMatch(
      /^bytes must be a Uint8Array, not /,
    );
  });

  it.each([[new Uint8Array(256)], [null], [undefined], [{ size: 256 }], ["x"], [256]])(
    "as a region: %j",
    (region) => {
      expect(refusal(() => configOf(region as never))).toMatch(
        /read through a region, not .*configOf\(bytesRegion\(bytes\)\)/,
      );
    },
  );

  it.each([[Buffer.from("00:00.0 x\n")], [null], [undefined], [5], [["00: 00"]]])("as a dump: %j", (text) => {
    expect(refusal(() => parseDump(text as unknown as string))).toMatch(/^a dump is text, not /);
  });
});
